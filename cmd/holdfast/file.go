package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"holdfast/diagnostic"
	"holdfast/source"
	"holdfast/spec"
)

// defaultFile is what commands read when no file is named.
const defaultFile = "holdfast.yaml"

// readFile reads the file a user named, or holdfast.yaml.
func readFile(name string) (source.File, error) { return readFileAtMost(name, maxFile) }

func readFileAtMost(name string, limit int64) (source.File, error) {
	if name == "" {
		name = defaultFile
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return source.File{}, exit(exitUsage, err)
	}
	text, err := readAtMost(path, limit)
	if errors.Is(err, fs.ErrNotExist) {
		return source.File{}, exit(exitUsage, fmt.Errorf("there is no %s\n  next: name a file, write one (the README shows fifteen lines), or see holdfast demo", name))
	}
	if err != nil {
		return source.File{}, exit(exitUsage, fmt.Errorf("%s cannot be read: %w\n  next: name a file that this user may read", name, err))
	}
	return source.File{Name: name, Text: text, Dir: filepath.Dir(path)}, nil
}

// standardInput is what a file is called that another command printed.
const standardInput = "stdin"

// fileToCheck reads what check was asked for: a file, what comes in, or else the
// file that is here, ours before those of others.
func fileToCheck(name string, in io.Reader, notices io.Writer) (source.File, error) {
	switch {
	case name == "-":
		return fileFrom(in)
	case strings.ContainsFunc(name, moves):
		return source.File{}, exit(exitUsage, fmt.Errorf("the name of the file %s has characters that cannot be shown\n  next: rename it", diagnostic.Tick(name)))
	case name != "":
		return readFileAtMost(name, maxToCheck)
	}
	if _, err := os.Stat(defaultFile); !errors.Is(err, fs.ErrNotExist) {
		return readFile(defaultFile)
	}
	for _, other := range otherDefaults() {
		if info, err := os.Stat(other); err == nil && info.Mode().IsRegular() {
			fmt.Fprintf(notices, "there is no %s here: this is about %s\n", defaultFile, other)
			return readFileAtMost(other, maxToCheck)
		}
	}
	return readFile(defaultFile)
}

// moves says that a character in the name of a file would move a terminal's
// cursor, turn its text around or begin a line, which GitHub may take for a
// command: the name is the stranger's whose file it is.
func moves(c rune) bool {
	return unicode.IsControl(c) || unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp)
}

// otherDefaults are files of others that check reads where there is none of ours.
func otherDefaults() []string {
	return []string{"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"} // in Compose's own order
}

// fileFrom reads a file that comes in. What it names is relative to this folder.
func fileFrom(in io.Reader) (source.File, error) {
	if isKeyboard(in) {
		return source.File{}, exit(exitUsage, errors.New("nothing comes in: - is what another command prints\n  next: kubectl get deploy,sts,svc,pdb,hpa -o yaml | holdfast check -"))
	}
	dir, err := filepath.Abs(".")
	if err != nil {
		return source.File{}, exit(exitUsage, err)
	}
	text, err := io.ReadAll(io.LimitReader(in, maxToCheck))
	if err != nil {
		return source.File{}, exit(exitUsage, fmt.Errorf("what comes in cannot be read: %w\n  next: see whether the command before the | says why", err))
	}
	return source.File{Name: standardInput, Text: text, Dir: dir}, nil
}

// isKeyboard tells whether a person would have to type what is read.
func isKeyboard(in io.Reader) bool {
	file, ok := in.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// maxFile bounds what is read of a file. It is more than spec accepts, so that
// spec says of a longer one what is wrong with it.
const maxFile = 2 << 20

// maxToCheck is more than any reader of check accepts: a cluster written out is
// longer than what people write.
const maxToCheck = 17 << 20

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
func understand(name string, environ map[string]string, out io.Writer) (source.File, *spec.Reading, error) {
	file, err := readFile(name)
	if err != nil {
		return file, nil, err
	}
	reading, problems := readSystem(file, environ)
	fmt.Fprint(out, file.Show(problems, isTerminal(out)))
	if reading.System == nil {
		return file, nil, exit(exitUsage, fmt.Errorf("%s cannot be used", file.Name))
	}
	return file, reading, nil
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
