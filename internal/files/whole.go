package files

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// maxWhole bounds what is read whole, in bytes: more than any key or certificate
// chain, less than what an argument can hold.
const maxWhole = 64 << 10

// Secret reads a file whole but for the line's end that editors add. Its errors name
// the path, and nothing that is in it.
func Secret(path string) (string, error) {
	text, err := Whole(path, "secret file")
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r"), err
}

// Whole reads a file that somebody's file names; what says what it is, in errors. It
// never waits: a pipe that nobody writes into would hold the start, and the starts
// behind it, for ever and without a word.
func Whole(path, what string) (string, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	} else if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s %s: it is no ordinary file (%s)", what, path, info.Mode())
	}
	text, err := io.ReadAll(io.LimitReader(file, maxWhole+1))
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	if len(text) > maxWhole {
		return "", fmt.Errorf("%s %s: more than %d bytes", what, path, maxWhole)
	}
	return string(text), nil
}
