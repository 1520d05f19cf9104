package proof

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"os"

	"holdfast"
	"holdfast/mode"
)

// A Basis is what a verdict rests on, as one digest.
type Basis struct {
	Digest holdfast.Digest
	Why    string // why it cannot be told; empty where Digest is set
}

// Bases works out what verdicts rest on. It remembers what files hold, so that
// asking again costs little more than looking whether they changed. Not safe for
// concurrent use.
type Bases struct {
	state   string            // the state directory, which is nobody's input
	environ map[string]string // in which commands are looked up
	files   contents
}

// NewBases is for systems whose state is in a directory and whose services are
// started out of an environment, of which PATH alone decides anything here.
func NewBases(state string, environ []string) *Bases {
	return &Bases{state: state, environ: byName(environ), files: contents{}}
}

// Of is the basis of each mode of a system as things stand. One that cannot be
// told says why, and no verdict rests on it.
func (b *Bases) Of(ctx context.Context, system *holdfast.System) map[holdfast.ModeName]Basis {
	look := looking{bases: b, system: system, programs: once[holdfast.ServiceName]{}, folders: once[string]{}}
	bases := map[holdfast.ModeName]Basis{}
	for _, of := range system.Modes {
		digest, err := look.basis(ctx, of)
		if err != nil {
			bases[of.Name] = Basis{Why: err.Error()}
			continue
		}
		bases[of.Name] = Basis{Digest: digest}
	}
	return bases
}

// A looking is one look at everything: each service is looked at once, however
// many modes it has, and git is asked once about each folder, however many
// services work in it.
type looking struct {
	bases    *Bases
	system   *holdfast.System
	programs once[holdfast.ServiceName]
	folders  once[string]
}

// once remembers, for as long as one look lasts, what was found.
type once[Key comparable] map[Key]found

type found struct {
	digest string
	err    error
}

func (o once[Key]) of(key Key, look func() (string, error)) (string, error) {
	known, ok := o[key]
	if !ok {
		known.digest, known.err = look()
		o[key] = known
	}
	return known.digest, known.err
}

func (l *looking) basis(ctx context.Context, of holdfast.FailureMode) (holdfast.Digest, error) {
	sum := sha256.New()
	section(sum, "slice", string(mode.Slice(l.system, of)))
	if of.Strikes.Role != "" {
		if err := l.itself(ctx, sum); err != nil {
			return "", err
		}
	}
	for _, name := range mode.Involved(l.system, of) {
		program, err := l.program(ctx, name)
		if err != nil {
			return "", err
		}
		section(sum, "service "+string(name), program)
	}
	return holdfast.Digest(hex.EncodeToString(sum.Sum(nil))), nil
}

// itself adds our own executable, which is all that a drill of Holdfast itself
// exercises.
func (l *looking) itself(ctx context.Context, sum hash.Hash) error {
	path, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find our own executable: %w", err)
	}
	content, err := l.bases.files.of(ctx, path, maxExecutable)
	if err != nil {
		return fmt.Errorf("read our own executable: %w", err)
	}
	section(sum, "holdfast", content)
	return nil
}

// program is the digest of what a service runs and reads.
func (l *looking) program(ctx context.Context, name holdfast.ServiceName) (string, error) {
	return l.programs.of(name, func() (string, error) {
		service, _ := l.system.Service(name)
		digest, err := l.service(ctx, service)
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		return digest, nil
	})
}

func (l *looking) service(ctx context.Context, service holdfast.Service) (string, error) {
	sum := sha256.New()
	if service.Command != "" {
		path, err := l.bases.executable(service)
		if err != nil {
			return "", err
		}
		content, err := l.bases.files.of(ctx, path, maxExecutable)
		if err != nil {
			return "", fmt.Errorf("read the executable: %w", err)
		}
		section(sum, "executable", content)
	}
	inputs, err := l.inputs(ctx, service)
	if err != nil {
		return "", err
	}
	section(sum, "inputs", inputs)
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// section writes one named part, with its length, so that no two different rows
// of parts are the same bytes.
func section(sum hash.Hash, name, content string) {
	fmt.Fprintf(sum, "%s %d\n%s\n", name, len(content), content)
}
