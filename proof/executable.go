package proof

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"holdfast"
	"holdfast/command"
)

// maxLookups bounds variables that are made of one another.
const maxLookups = 1000

// executable finds the file that a service's command names: relative to its
// directory when it has a slash, through its own PATH when it has none, as the
// driver does when it starts it.
func (b *Bases) executable(service holdfast.Service) (string, error) {
	words, flaws := command.Split(service.Command)
	if len(flaws) > 0 {
		return "", flaws[0]
	}
	if len(words) == 0 {
		return "", fmt.Errorf("the command is empty")
	}
	names := &lookup{declared: service.Environment, caller: b.environ}
	word, err := names.fill(words[0])
	if err != nil {
		return "", fmt.Errorf("command %s: %w", words[0], err)
	}
	if strings.Contains(word, "/") {
		return within(service.WorkingDir, word), nil
	}
	path, err := names.fill("${PATH-}")
	if err != nil {
		return "", fmt.Errorf("its PATH: %w", err)
	}
	for _, folder := range filepath.SplitList(path) {
		file := filepath.Join(folder, word)
		if info, err := os.Stat(file); err == nil && filepath.IsAbs(folder) && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("command %s is not in PATH", word)
}

// A lookup fills in the variables of a command's first word. What is told to
// each replica anew (PORT, REPLICA, …) has no value here: a program that depends
// on it is not one program.
type lookup struct {
	declared  map[string]string
	caller    map[string]string
	resolving []string
	lookups   int
}

func (l *lookup) fill(text string) (string, error) { return l.pieces(command.Pieces(text)) }

func (l *lookup) pieces(all []command.Piece) (string, error) {
	var whole strings.Builder
	for _, piece := range all {
		text, err := l.piece(piece)
		if err != nil {
			return "", err
		}
		whole.WriteString(text)
	}
	return whole.String(), nil
}

func (l *lookup) piece(p command.Piece) (string, error) {
	if err := p.Err(); err != nil || p.Name == "" {
		return p.Text, err
	}
	value, set, err := l.find(p.Name)
	switch {
	case err != nil:
		return "", err
	case p.Fallback.Uses(value, set):
		return l.pieces(p.Instead)
	case !set:
		return "", fmt.Errorf("$%s is known only when it is started", p.Name)
	default:
		return value, nil
	}
}

// find looks where the driver does, but for what it adds itself: the file's own
// variables, where one that names itself means the caller's, then the caller's.
func (l *lookup) find(name string) (string, bool, error) {
	if l.lookups++; l.lookups > maxLookups {
		return "", false, fmt.Errorf("more than %d variables to fill in", maxLookups)
	}
	written, declared := l.declared[name]
	for _, outer := range l.resolving {
		declared = declared && outer != name
	}
	if !declared {
		value, set := l.caller[name]
		return value, set, nil
	}
	if kind, _, _ := strings.Cut(written, ":"); kind == "env" || kind == "file" {
		return "", false, fmt.Errorf("$%s is a secret", name)
	}
	l.resolving = append(l.resolving, name)
	defer func() { l.resolving = l.resolving[:len(l.resolving)-1] }()
	value, err := l.fill(written)
	return value, true, err
}

func byName(environ []string) map[string]string {
	named := map[string]string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		named[name] = value
	}
	return named
}

// within is path below dir, unless it is absolute.
func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(cmp.Or(dir, "/"), path)
}
