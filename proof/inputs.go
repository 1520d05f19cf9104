package proof

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"holdfast"
)

// What the inputs of one service may hold. More is not read at every start, and
// what is not read is not vouched for.
const (
	maxInputs     = 10_000
	maxInputBytes = 256 << 20
)

// inputs is the digest of what a service reads beside its program: what the file
// names, or else what git knows of its working directory.
func (l *looking) inputs(ctx context.Context, service holdfast.Service) (string, error) {
	if len(service.Inputs) == 0 {
		if service.Command == "" {
			return "", nil
		}
		return l.folders.of(service.WorkingDir, func() (string, error) { return l.bases.worktree(ctx, service.WorkingDir) })
	}
	in := &reading{bases: l.bases, sum: sha256.New(), left: maxInputBytes}
	for _, named := range service.Inputs {
		if err := in.named(ctx, named); err != nil {
			return "", fmt.Errorf("inputs: %w", err)
		}
	}
	return hex.EncodeToString(in.sum.Sum(nil)), nil
}

// A reading goes through the inputs of one service.
type reading struct {
	bases *Bases
	sum   hash.Hash
	files int
	left  int64 // bytes that may still be read
}

// named reads a file, everything in a directory, or everything a pattern
// matches. What is not there is an error: it may be a slip of the finger, and a
// verdict would seem to rest on what it does not.
func (r *reading) named(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return r.below(ctx, path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	matches, err := filepath.Glob(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(matches) == 0 {
		return fmt.Errorf("there is no %s: correct it in the file, or remove it", path)
	}
	for _, match := range matches {
		if err := r.below(ctx, match); err != nil {
			return err
		}
	}
	return nil
}

// below reads whatever is at a path and below it, in the order of names. The
// state directory and git's own are left out.
func (r *reading) below(ctx context.Context, root string) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (path == r.bases.state || entry.Name() == ".git"):
			return filepath.SkipDir
		case entry.IsDir():
			return nil
		default:
			return r.entry(ctx, path, entry)
		}
	})
}

func (r *reading) entry(ctx context.Context, path string, entry fs.DirEntry) error {
	if r.files++; r.files > maxInputs {
		return fmt.Errorf("more than %d files: name fewer", maxInputs)
	}
	switch kind := entry.Type(); {
	case kind&fs.ModeSymlink != 0:
		to, err := os.Readlink(path)
		if err != nil {
			return err
		}
		section(r.sum, "link "+path, to)
	case !kind.IsRegular():
		section(r.sum, kind.String()+" "+path, "")
	default:
		return r.file(ctx, path, entry)
	}
	return nil
}

func (r *reading) file(ctx context.Context, path string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	if r.left -= info.Size(); r.left < 0 {
		return fmt.Errorf("more than %d MiB: name fewer", maxInputBytes>>20)
	}
	content, err := r.bases.files.of(ctx, path, maxInputBytes)
	if err != nil {
		return err
	}
	section(r.sum, fmt.Sprintf("file %s %t", path, info.Mode().Perm()&0o111 != 0), content)
	return nil
}

// inside is a path as seen from dir, if it is in it.
func inside(dir, path string) (string, bool) {
	relative, err := filepath.Rel(dir, path)
	return relative, err == nil && relative != "." && relative != ".." && !strings.HasPrefix(relative, ".."+string(filepath.Separator))
}
