package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"holdfast/command"
)

// executable finds the file that a command's first word names: relative to dir
// when it has a slash, through path (the process's own PATH) when it has none.
// The error says what to do, because it is all that a person gets to see.
func executable(word value, dir, path string) (string, error) {
	if strings.Contains(word.text, "/") {
		file := within(dir, word.text)
		if err := runnable(file); err != nil {
			return "", fmt.Errorf("command %s (in %s): %w", word.shown, dir, err)
		}
		return file, nil
	}
	for _, folder := range filepath.SplitList(path) {
		if !filepath.IsAbs(folder) {
			continue // the directory we happen to stand in decides nothing
		}
		if file := filepath.Join(folder, word.text); runnable(file) == nil {
			return file, nil
		}
	}
	if name, _, assigns := strings.Cut(word.text, "="); assigns && command.LeadingName(name) == name {
		return "", fmt.Errorf("command %s…: no shell runs it: set %s under environment", name+"=", name)
	}
	if runnable(filepath.Join(dir, word.text)) == nil {
		return "", fmt.Errorf("command %s is not in PATH: write ./%s for the file in %s", word.shown, word.shown, dir)
	}
	return "", fmt.Errorf("command %s is not in PATH: install it, or give its path", word.shown)
}

// runnable says why a file cannot be run, or nil.
func runnable(file string) error {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("no such file: build it, or correct its path")
	case err != nil:
		return errors.New("it cannot be looked at: " + cause(err))
	case info.IsDir():
		return errors.New("it is a directory: name the program in it")
	case info.Mode().Perm()&0o111 == 0:
		return errors.New("it is not executable: chmod +x it, or name what runs it")
	}
	return nil
}

// directory says why a process cannot be started in dir, or nil.
func directory(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("working_dir %s: no such directory: create it, or correct it in the file", dir)
	case err != nil:
		return fmt.Errorf("working_dir %s: %s", dir, cause(err))
	case !info.IsDir():
		return fmt.Errorf("working_dir %s: it is not a directory", dir)
	}
	return nil
}

// cause is an error of the file system without the path, which was said already.
func cause(err error) string {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err.Error()
	}
	return err.Error()
}
