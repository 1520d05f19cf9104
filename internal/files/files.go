// Package files replaces files whole: whoever reads one finds the old content or
// the new, whenever the writer died. Standard library only.
package files

import (
	"errors"
	"os"
	"path/filepath"
)

// Replace makes the file at path hold content, readable by its owner only. It
// outlives the writer and not the machine: for what means nothing after a
// reboot. One writer at a time; an error leaves the old content.
func Replace(path string, content []byte) error {
	return replace(path, content, func(*os.File) error { return nil })
}

// ReplaceDurably is Replace for what has to outlive the machine too.
func ReplaceDurably(path string, content []byte) error {
	if err := replace(path, content, (*os.File).Sync); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

func replace(path string, content []byte, settle func(*os.File) error) error {
	next := path + ".new"
	file, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err == nil {
		err = settle(file)
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		os.Remove(next) // what is left of it would only take room
	}
	return err
}

// SyncDir makes the names in a directory durable: a file that was fsynced can
// still be missing after a power cut when its directory was not.
func SyncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
