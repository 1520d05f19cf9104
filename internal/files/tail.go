package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"unicode"
)

// maxTail bounds how much of a file Tail reads, and with it its memory.
const maxTail = 1 << 20

// Tail is the last lines of a text file, of its last MiB at most, and whether
// they are all it has. A file that is not there has none.
func Tail(path string, lines int) (last []string, whole bool, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, true, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read the log: %w", err)
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, false, fmt.Errorf("read the log: %w", err)
	}
	from := max(0, size-maxTail)
	text, err := io.ReadAll(io.NewSectionReader(file, from, size-from))
	if err != nil {
		return nil, false, fmt.Errorf("read the log: %w", err)
	}
	if len(text) == 0 {
		return nil, true, nil
	}
	all := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if from > 0 && len(all) > 1 {
		all = all[1:] // half a line
	}
	cut := max(0, len(all)-lines)
	return all[cut:], from == 0 && cut == 0, nil
}

// quoted is how many lines Quote shows: what a process says when it dies, and
// little of what it said before.
const quoted = 10

// Quote is the end of a log of ours as part of an error, set off line by line.
// What cannot be read is left out: the error says the more important thing.
func Quote(path string) string {
	last, _, err := Tail(path, quoted)
	if err != nil || len(last) == 0 {
		return ""
	}
	for i, line := range last {
		last[i] = Printable(line)
	}
	return "    | " + strings.Join(last, "\n    | ")
}

// Printable is a line of a log without what would move a cursor, colour a screen
// or name its window: a program must not be able to write over what we say of it.
func Printable(line string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return -1
	}, line)
}
