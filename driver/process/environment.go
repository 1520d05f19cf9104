package process

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"holdfast"
	"holdfast/command"
	"holdfast/internal/files"
	"holdfast/internal/proc"
)

const (
	// maxLookups bounds the work that variables made of variables can cause:
	// ten lines that each name the one below ten times are ten billion.
	maxLookups = 10_000
)

// A namespace is what names stand for in the command and the environment of one
// replica. What the file declares comes before what we add (a file that sets
// PORT means it); what we add comes before what an env_file holds (which was
// written for other places too); and the caller's environment comes last.
//
// Not safe for concurrent use; one is made for each start.
type namespace struct {
	own      map[string]string // PORT, HOST, …, CATALOG_URL: see variables
	declared map[string]string // environment, as written
	kept     map[string]string // in env_file: secrets, all of them
	caller   map[string]string
	dir      string // file: paths are relative to it

	resolving []string          // declared names being filled in right now
	secrets   map[string]string // by the name that holds them
	lookups   int
}

// find is the lookup of expand. A declared variable that names itself, directly
// or through others, means the one the caller has: PATH: "$PATH:/opt/bin".
func (n *namespace) find(name string) (value, bool, error) {
	if n.lookups++; n.lookups > maxLookups {
		return value{}, false, fmt.Errorf("more than %d variables to fill in: some are made of one another", maxLookups)
	}
	if written, ok := n.declared[name]; ok && !slices.Contains(n.resolving, name) {
		v, err := n.resolve(name, written)
		return v, err == nil, err
	}
	if text, ok := n.own[name]; ok {
		return plain(text), true, nil
	}
	if text, ok := n.kept[name]; ok {
		return withheld(name, text), true, nil
	}
	text, ok := n.caller[name]
	if len(proc.Baseline([]string{name + "="})) > 0 {
		return plain(text), ok, nil
	}
	return withheld(name, text), ok, nil
}

// resolve fills in the declared value of a name, or reads the secret it refers
// to.
func (n *namespace) resolve(name, written string) (value, error) {
	n.resolving = append(n.resolving, name)
	v, err := expand(written, n.find)
	n.resolving = n.resolving[:len(n.resolving)-1]
	if err != nil {
		return value{}, fmt.Errorf("environment %s: %w", name, err)
	}
	secret, isSecret, err := n.secret(written, v.text)
	if err != nil {
		return value{}, fmt.Errorf("environment %s: %w", name, err)
	}
	if isSecret {
		n.secrets[name] = secret
		return withheld(name, secret), nil
	}
	return v, nil
}

// secret reads what env:NAME or file:path refers to. It looks at the prefix as
// written, so that a value that comes from elsewhere cannot make us read a file.
func (n *namespace) secret(written, expanded string) (secret string, isSecret bool, err error) {
	switch {
	case strings.HasPrefix(written, "env:"):
		name := strings.TrimPrefix(expanded, "env:")
		secret, ok := n.caller[name]
		if !ok {
			return "", true, fmt.Errorf("secret env:%s: %s is not set where holdfast was started: set it there", name, name)
		}
		return secret, true, nil
	case strings.HasPrefix(written, "file:"):
		secret, err := files.Secret(within(n.dir, strings.TrimPrefix(expanded, "file:")))
		return secret, true, err
	}
	return "", false, nil
}

// withheld is a value people see as a reference. An empty one is shown as what
// it is, so that a missing value can be recognised.
func withheld(name, text string) value {
	if text == "" {
		return plain("")
	}
	return value{text: text, shown: "${" + name + "}"}
}

// variables are what every process is told: where to listen, who it is, where
// its files and its dependencies are.
func variables(r holdfast.DesiredReplica, host, port, dataDir string) map[string]string {
	own := map[string]string{
		"HOST":     host,
		"PORT":     port,
		"REPLICA":  string(r.ID.Name()),
		"ZONE":     string(r.Service.Zone(r.ID.Ordinal)),
		"DATA_DIR": dataDir,
	}
	for service, address := range r.Edges {
		stem := command.Stem(service)
		own[stem+"_URL"] = "http://" + address.String()
		own[stem+"_HOST"] = address.Addr().String()
		own[stem+"_PORT"] = fmt.Sprint(address.Port())
	}
	return own
}

// environment is the whole environment of the process: the baseline, what we
// add, what the file declares, what it lets pass. A name that the file lets
// pass and the caller does not have is not set.
func (n *namespace) environment(passThrough []string) ([]string, error) {
	all := map[string]string{}
	for _, pair := range proc.Baseline(pairs(n.caller)) {
		name, text, _ := strings.Cut(pair, "=")
		all[name] = text
	}
	maps.Copy(all, n.kept)
	maps.Copy(all, n.own)
	for _, name := range slices.Sorted(maps.Keys(n.declared)) {
		v, err := n.resolve(name, n.declared[name])
		if err != nil {
			return nil, err
		}
		all[name] = v.text
	}
	for _, name := range passThrough {
		if text, ok := n.caller[name]; ok {
			all[name] = text
		}
	}
	for name, text := range all {
		if strings.ContainsRune(text, 0) {
			return nil, fmt.Errorf("environment %s: its value holds a zero byte, which no environment can", name)
		}
	}
	return pairs(all), nil
}

// command is the command's words with their variables filled in.
func (n *namespace) command(written string) ([]value, error) {
	words, flaws := command.Split(written)
	if len(flaws) > 0 {
		return nil, flaws[0]
	}
	if len(words) == 0 {
		return nil, errors.New("the command is empty")
	}
	argv := make([]value, 0, len(words))
	for _, word := range words {
		v, err := expand(word, n.find)
		if err != nil {
			return nil, fmt.Errorf("command: %w", err)
		}
		argv = append(argv, v)
	}
	if argv[0].text == "" {
		return nil, errors.New("the command is empty once its variables are filled in")
	}
	return argv, nil
}

// byName turns KEY=value pairs into a map; the last of several counts, as it
// does for most programs.
func byName(environ []string) map[string]string {
	named := make(map[string]string, len(environ))
	for _, pair := range environ {
		if name, text, ok := strings.Cut(pair, "="); ok && name != "" {
			named[name] = text
		}
	}
	return named
}

// pairs are the KEY=value pairs of a map, in order, so that two starts of one
// replica look the same.
func pairs(named map[string]string) []string {
	out := make([]string, 0, len(named))
	for _, name := range slices.Sorted(maps.Keys(named)) {
		out = append(out, name+"="+named[name])
	}
	return out
}

// within is path below dir, unless it is absolute.
func within(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
