package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"holdfast/bench/conformance/websocket/talk"
)

// A scene is what one library says to another.
type scene struct {
	name string
	play func(client talk.Library, base string, server talk.Library) error
}

func scenes() []scene {
	return []scene{
		{name: "messages of all sizes", play: sizes},
		{name: "messages in parts", play: parts},
		{name: "packed messages", play: packs},
		{name: "pings", play: asks},
		{name: "many at once", play: many},
		{name: "a protocol is chosen", play: chooses},
		{name: "the client says goodbye", play: leaves},
		{name: "the server says goodbye", play: isLeft},
		{name: "refused with 403", play: func(c talk.Library, base string, _ talk.Library) error {
			return refused(c, base+"/refuse", http.StatusForbidden, talk.Forbidden)
		}},
		{name: "refused with 426", play: func(c talk.Library, base string, _ talk.Library) error {
			return refused(c, base+"/old", http.StatusUpgradeRequired, talk.Old)
		}},
		{name: "the replica is killed", play: killed},
	}
}

// with has a talk.
func with(c talk.Library, url string, deflate bool, say func(talk.Talker) error, protocols ...string) error {
	return within(patience, c, url, deflate, say, protocols...)
}

func within(limit time.Duration, c talk.Library, url string, deflate bool, say func(talk.Talker) error, protocols ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	t, _, err := c.Dial(ctx, url, protocols, deflate)
	if err != nil {
		return err
	}
	defer t.Cut()
	t.Until(time.Now().Add(limit))
	return say(t)
}

// same says a message and hears it again.
func same(t talk.Talker, kind int, parts ...[]byte) error {
	var group sync.WaitGroup
	var wrong error
	group.Go(func() { wrong = t.Write(kind, parts...) })
	got, message, err := t.Read()
	group.Wait()
	if whole := bytes.Join(parts, nil); err == nil && wrong == nil && (got != kind || !bytes.Equal(message, whole)) {
		return fmt.Errorf("%d bytes came back as %d others", len(whole), len(message))
	}
	return errors.Join(wrong, err)
}

func sizes(c talk.Library, base string, _ talk.Library) error {
	return with(c, base+"/echo", false, func(t talk.Talker) error {
		for _, n := range []int{0, 1, 125, 126, 127, 128, 65535, 65536, 65537, 1 << 20, 16 << 20} {
			for _, kind := range []int{talk.Text, talk.Binary} {
				if err := same(t, kind, stars(n)); err != nil {
					return fmt.Errorf("%d bytes: %w", n, err)
				}
			}
		}
		return nil
	})
}

func parts(c talk.Library, base string, _ talk.Library) error {
	return with(c, base+"/part", false, func(t talk.Talker) error {
		for _, n := range []int{1, 7, 4096, 100_000} {
			if err := same(t, talk.Binary, stars(n), stars(3), stars(2*n), nil, stars(n)); err != nil {
				return err
			}
		}
		return nil
	})
}

func packs(c talk.Library, base string, s talk.Library) error {
	if !c.Deflates || !s.Deflates {
		return errLacks
	}
	return with(c, base+"/echo", true, func(t talk.Talker) error {
		for _, n := range []int{10, 1000, 100_000, 1 << 20} {
			if err := same(t, talk.Text, stars(n)); err != nil {
				return err
			}
		}
		return nil
	})
}

func asks(c talk.Library, base string, _ talk.Library) error {
	return with(c, base+"/echo", false, func(t talk.Talker) error {
		heard := make(chan error, 1)
		go func() {
			_, _, err := t.Read()
			heard <- err
		}()
		for range 3 {
			if err := t.Ping(); err != nil {
				return err
			}
		}
		return errors.Join(t.Write(talk.Text, []byte("there you are")), <-heard)
	})
}

func many(c talk.Library, base string, _ talk.Library) error {
	var group sync.WaitGroup
	wrong := make([]error, 40)
	for i := range wrong {
		group.Go(func() {
			wrong[i] = with(c, base+"/echo", false, func(t talk.Talker) error {
				for n := range 20 {
					if err := same(t, talk.Binary, stars(i*100+n*1000)); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	group.Wait()
	return errors.Join(wrong...)
}

func chooses(c talk.Library, base string, s talk.Library) error {
	return with(c, base+"/echo", false, func(t talk.Talker) error {
		if got := t.Protocol(); got != "chat.v1" {
			return fmt.Errorf("chose %q", got)
		}
		return same(t, talk.Text, []byte("in that"))
	}, "chat.v9", "chat.v1")
}

// leaves says goodbye; a server answers with the same code.
func leaves(c talk.Library, base string, _ talk.Library) error {
	return with(c, base+"/echo", false, func(t talk.Talker) error {
		if err := same(t, talk.Text, []byte("before")); err != nil {
			return err
		}
		if err := t.Close(4001, "enough"); err != nil || c.Name == "coder" { // whose Close has heard the answer
			return err
		}
		_, _, err := t.Read()
		return goodbyeWith(err, 4001)
	})
}

func isLeft(c talk.Library, base string, _ talk.Library) error {
	return with(c, base+"/close?code=4002&reason=go+home", false, func(t talk.Talker) error {
		_, _, err := t.Read()
		var closed talk.Closed
		if !errors.As(err, &closed) || closed.Code != 4002 || closed.Reason != "go home" {
			return fmt.Errorf("heard %w", err)
		}
		return nil
	})
}

func goodbyeWith(err error, code int) error {
	var closed talk.Closed
	if errors.As(err, &closed) && closed.Code == code {
		return nil
	}
	return fmt.Errorf("heard %v, not a goodbye with %d", err, code)
}

func refused(c talk.Library, url string, status int, body string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	t, answer, err := c.Dial(ctx, url, nil, false)
	if err == nil {
		t.Cut()
		return errors.New("it was not refused")
	}
	if answer == nil || answer.StatusCode != status {
		return fmt.Errorf("%w: %+v", err, answer)
	}
	if to := answer.Header.Get("Upgrade"); status == http.StatusUpgradeRequired && to != "websocket" {
		return fmt.Errorf("it is not said to what to switch: %q", to)
	}
	if got, _ := io.ReadAll(answer.Body); string(got) != body {
		return fmt.Errorf("refused with %q", got)
	}
	return nil
}

// soon is when a client knows that its replica is gone: a kernel says so at once.
const soon = 2 * time.Second

// killed has the replica die under a talk. Another one answers who comes again.
func killed(c talk.Library, base string, _ talk.Library) error {
	err := with(c, base+"/die", false, func(t talk.Talker) error {
		if _, message, err := t.Read(); err != nil || string(message) != "alive" {
			return fmt.Errorf("heard %q, %w", message, err)
		}
		began := time.Now()
		if err := t.Write(talk.Text, []byte("die")); err != nil {
			return err
		}
		_, _, err := t.Read()
		var closed talk.Closed
		if took := time.Since(began); err == nil || errors.As(err, &closed) || took > soon {
			return fmt.Errorf("after %s: %w", took, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return with(c, base+"/echo", false, func(t talk.Talker) error { return same(t, talk.Text, []byte("again")) })
}
