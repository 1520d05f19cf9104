package keeper

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"holdfast/internal/files"
	"holdfast/internal/proc"
	"holdfast/internal/unixsock"
)

// lookAtPlace is how often the keeper looks whether its directory is there.
const lookAtPlace = 2 * time.Second

// holds says why the lock we hold does not keep others out: it was removed, or
// another lies in its place.
func (p place) holds() error {
	ours, err := p.lock.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(p.lock.Name())
	if err == nil && !os.SameFile(ours, there) {
		return ErrHeld
	}
	return err
}

// tendPlace moves in again when somebody has removed the state directory, or
// the socket in it: what runs, runs, and without a way in nobody could look at
// it or stop it.
func (k *keeper) tendPlace(now time.Time) time.Time {
	if k.ending != nil {
		return time.Time{}
	}
	if now.Before(k.lookDue) {
		return k.lookDue
	}
	k.lookDue = now.Add(lookAtPlace)
	before := k.place.server
	again, err := k.place.moveIn()
	if err != nil && (k.homeless == nil || err.Error() != k.homeless.Error()) {
		k.log("the state directory cannot be moved into again: %v", err)
	}
	k.homeless = err
	if again {
		k.log("the state directory was removed, in whole or in part: moved in again")
		k.save()
		k.saveListeners()
	}
	if server := k.place.server; server != before {
		k.work.Go(func() { k.accept(server) })
	}
	return k.lookDue
}

// moveIn makes anew what is missing of the lock and the socket, and says
// whether anything was. The directory itself is made, but not what it was in.
func (p *place) moveIn() (again bool, err error) {
	if err := p.holds(); errors.Is(err, fs.ErrNotExist) {
		if err := p.relock(); err != nil {
			return false, err
		}
		again = true
	} else if err != nil {
		return false, err
	}
	socket := filepath.Join(p.dir, SocketName)
	if _, err := os.Lstat(socket); !errors.Is(err, fs.ErrNotExist) {
		return again, err
	}
	server, err := unixsock.Listen(socket)
	if err != nil {
		return again, err
	}
	p.server.Close()
	p.server = server
	return true, nil
}

// relock takes the directory as settle does, under the name it had.
func (p *place) relock() error {
	if err := os.Mkdir(p.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	lock, err := takeLock(filepath.Join(p.dir, LockName))
	if err != nil {
		return err
	}
	identity, err := identify(p.dir)
	if err == nil {
		err = files.Replace(filepath.Join(p.dir, proc.KeepFile), []byte(p.keep+"\n"))
	}
	if err != nil {
		lock.Close()
		return fmt.Errorf("move in again: %w", err)
	}
	p.lock.Close()
	p.lock, p.identity = lock, identity
	return nil
}
