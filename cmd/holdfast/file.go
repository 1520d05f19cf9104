package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/source"
	"holdfast/spec"
)

// defaultFile is what commands read when no file is named.
const defaultFile = "holdfast.yaml"

// readFile reads the file a user named, or holdfast.yaml.
func readFile(name string) (source.File, error) {
	if name == "" {
		name = defaultFile
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return source.File{}, exit(exitUsage, err)
	}
	text, err := readAtMost(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return source.File{}, exit(exitUsage, fmt.Errorf("there is no %s\n  next: name a file, write one (the README shows fifteen lines), or see holdfast demo", name))
	}
	if err != nil {
		return source.File{}, exit(exitUsage, fmt.Errorf("%s cannot be read: %w\n  next: name a file that this user may read", name, err))
	}
	return source.File{Name: name, Text: text, Dir: filepath.Dir(path)}, nil
}

// maxFile bounds what is read of a file. It is more than spec accepts, so that
// spec says of a longer one what is wrong with it.
const maxFile = 2 << 20

// readAtMost reads the beginning of a file, which may be a device without end.
func readAtMost(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return io.ReadAll(io.LimitReader(file, limit))
}

// understand reads a file. Its problems are printed to out; errors
// end with exit 2.
func understand(name string, environ map[string]string, out io.Writer) (source.File, *holdfast.System, error) {
	file, err := readFile(name)
	if err != nil {
		return file, nil, err
	}
	system, problems := spec.Read(file, environ)
	fmt.Fprint(out, file.Show(problems, isTerminal(out)))
	if system == nil {
		return file, nil, exit(exitUsage, fmt.Errorf("%s cannot be used", file.Name))
	}
	return file, system, nil
}

// isTerminal tells whether colour would be seen by a person who wants it.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// argument is the n-th argument, or nothing.
func argument(args []string, n int) string {
	if n < len(args) {
		return args[n]
	}
	return ""
}

// jsonFlag adds --json.
func jsonFlag(c *cobra.Command) *bool {
	return c.Flags().Bool("json", false, "print one JSON document")
}
