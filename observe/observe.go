// Package observe brings what the hands see, and what people leave in the state
// directory, to the loop.
package observe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"holdfast"
	"holdfast/event"
)

// A Tell hands an input to the loop; it waits while the loop is behind.
type Tell func(context.Context, event.Body) error

const (
	// again is the pause before a source that was lost is followed again.
	again = 100 * time.Millisecond
	// look is how often the pauses are looked at: soon enough for a person who
	// has just typed the command.
	look = 200 * time.Millisecond
	// maxAuthor bounds what is read of a pause, which goes into the journal.
	maxAuthor = 256
)

// Gateway follows a gateway's verdicts until ctx ends. A gateway may die and
// come back: it is followed again, and repeats what holds then.
func Gateway(ctx context.Context, gateway holdfast.Gateway, tell Tell) error {
	for {
		_ = gateway.Follow(ctx, func(o holdfast.Observation) { _ = tell(ctx, o) })
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(again):
		}
	}
}

// Driver runs a driver and passes on what it sees. A driver that can no longer
// work ends it with the driver's reason.
func Driver(ctx context.Context, driver holdfast.Driver, tell Tell) error {
	return driver.Run(ctx, func(o holdfast.Observation) { _ = tell(ctx, o) })
}

// everything is the file in a directory of pauses that stands for all services.
// No service can have its name: those begin with a letter.
const everything = "_everything"

// Pauses tells of pauses that begin and end until ctx ends. A pause is a file
// in dir, named after a service or "_everything", that holds who asked: so a
// person can forbid remedies while the agent is dead. known are the pauses the
// mind holds already. A dir that is not there holds none.
func Pauses(ctx context.Context, dir string, known map[holdfast.ServiceName]bool, tell Tell) error {
	held := map[holdfast.ServiceName]bool{}
	for service := range known {
		held[service] = true
	}
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		if err := tellPauses(ctx, dir, held, tell); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// tellPauses tells what changed since it was last told. A directory that cannot
// be read ends no pause: a person's word stands until it is taken back.
func tellPauses(ctx context.Context, dir string, held map[holdfast.ServiceName]bool, tell Tell) error {
	now, err := ReadPauses(dir)
	if err != nil {
		return nil
	}
	for service, by := range now {
		if held[service] {
			continue
		}
		held[service] = true
		if err := tell(ctx, event.Paused{Service: service, By: by}); err != nil {
			return err
		}
	}
	for service := range held {
		if _, still := now[service]; still {
			continue
		}
		delete(held, service)
		if err := tell(ctx, event.Resumed{Service: service, By: "the removal of its file"}); err != nil {
			return err
		}
	}
	return nil
}

// ReadPauses is who paused what: "" is everything. That the file is there is the
// pause; one that cannot be read, or is still empty, leaves only its author
// unknown.
func ReadPauses(dir string) (map[holdfast.ServiceName]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	pauses := map[holdfast.ServiceName]string{}
	for _, entry := range entries {
		by, err := author(filepath.Join(dir, entry.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // taken back since
		}
		service := holdfast.ServiceName(entry.Name())
		if service == everything {
			service = ""
		}
		pauses[service] = by
	}
	return pauses, nil
}

// author is the first line of a pause.
func author(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxAuthor))
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return line, err
}

// Pause forbids remedies for a service, or for everything with "". A disk that is
// full takes the file and not who asked: that is in force, and no error.
func Pause(dir string, service holdfast.ServiceName, by string) error {
	path, err := pauseFile(dir, service)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, _ = file.WriteString(by + "\n")
	_ = file.Close()
	return nil
}

// Resume allows them again; one that was not paused is no error.
func Resume(dir string, service holdfast.ServiceName) error {
	path, err := pauseFile(dir, service)
	if err != nil {
		return err
	}
	err = os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// pauseFile is where a pause lies. While the agent is dead nobody says which
// services there are, but a name with a dot or a slash, which could lead out of
// dir, is none.
func pauseFile(dir string, service holdfast.ServiceName) (string, error) {
	if service == "" {
		service = everything
	}
	if strings.ContainsAny(string(service), "./"+string(filepath.Separator)) {
		return "", fmt.Errorf("%q is no service's name", service)
	}
	return filepath.Join(dir, string(service)), nil
}
