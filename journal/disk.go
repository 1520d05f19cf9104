package journal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"holdfast/internal/files"
)

// A disk is every step of writing that can fail by itself, so that a test can
// make any one of them fail. Reading needs no such seam: a file that cannot be
// read is an error at Open like any other.
type disk interface {
	create(path string) (file, error) // anew: what was there is emptied
	open(path string) (file, error)   // to write, at its place in a file that exists
	allocate(f file, size int64) error
	link(from, to string) error
	rename(from, to string) error
	remove(path string) error
	syncDir(dir string) error
}

// A file is a segment or the reserve, open for writing.
type file interface {
	io.WriterAt
	Sync() error
	Truncate(size int64) error
	Close() error
}

// realDisk is the disk.
type realDisk struct{}

func (realDisk) create(path string) (file, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
}

func (realDisk) open(path string) (file, error) { return os.OpenFile(path, os.O_RDWR, 0) }

// allocate takes real blocks, because a file of holes keeps no room for anyone.
func (realDisk) allocate(f file, size int64) error {
	if real, ok := f.(*os.File); ok {
		if err := fallocate(real, size); !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	return writeZeros(f, size)
}

func (realDisk) link(from, to string) error   { return os.Link(from, to) }
func (realDisk) rename(from, to string) error { return os.Rename(from, to) }
func (realDisk) remove(path string) error     { return os.Remove(path) }
func (realDisk) syncDir(dir string) error     { return files.SyncDir(dir) }

func writeZeros(f file, size int64) error {
	zeros := make([]byte, 64<<10)
	for at := int64(0); at < size; at += int64(len(zeros)) {
		if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at); err != nil {
			return err
		}
	}
	return nil
}

// replace makes path hold content, wholly or not at all.
func replace(d disk, path string, content []byte) error {
	fresh := path + ".new"
	f, err := d.create(fresh)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(content, 0)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = d.rename(fresh, path)
	}
	if err != nil {
		d.remove(fresh) // what is left of it would only take room
		return err
	}
	return d.syncDir(filepath.Dir(path))
}

// noRoom says that the disk, or our share of it, is full.
func noRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// forbidden says that we may not write here at all, which no waiting mends.
func forbidden(err error) bool {
	return errors.Is(err, syscall.EROFS) || errors.Is(err, os.ErrPermission)
}

// lockDir keeps a second writer out for as long as the file it returns is open.
// The kernel lets go of it when we die, however we die.
func lockDir(dir string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("lock: %w", err)
	}
	return lock, nil
}
