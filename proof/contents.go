package proof

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// maxExecutable is the largest program that is read: beyond it lie disk images.
const maxExecutable = 2 << 30

// settled is how old a file's last change must be before its content is
// remembered. A change within the same tick of the file system's clock leaves no
// trace but in the content (git calls such files racy); a second is the coarsest
// tick there is.
const settled = 2 * time.Second

// maxRemembered bounds what is remembered; beyond it everything is forgotten and
// read again.
const maxRemembered = 50_000

// contents are the digests of files, by what changes when they do.
type contents map[print]string

// A print tells one state of a file from others. The change time is set by the
// kernel alone: who restores a modification time changes it.
type print struct {
	dev, inode      uint64
	size            int64
	changed, edited time.Duration // since 1970
}

// of is the SHA-256 of what a file holds, of at most limit bytes. It never waits
// for a pipe.
func (c contents) of(ctx context.Context, path string, limit int64) (string, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%s is no ordinary file (%s)", path, info.Mode())
	case info.Size() > limit:
		return "", fmt.Errorf("%s is %d bytes long, more than %d", path, info.Size(), limit)
	}
	before, known := printOf(info)
	if digest, ok := c[before]; ok && known {
		return digest, nil
	}
	digest, err := sum(ctx, file, limit)
	if err != nil {
		return "", err
	}
	if known && time.Since(time.Unix(0, int64(max(before.changed, before.edited)))) > settled {
		if len(c) >= maxRemembered {
			clear(c)
		}
		c[before] = digest
	}
	return digest, nil
}

func printOf(info fs.FileInfo) (print, bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return print{}, false
	}
	return print{
		dev: uint64(stat.Dev), inode: stat.Ino, size: stat.Size,
		changed: changed(stat), edited: time.Duration(info.ModTime().UnixNano()),
	}, true
}

// sum reads to the end, a piece at a time so that ctx can end it.
func sum(ctx context.Context, from io.Reader, limit int64) (string, error) {
	digest, piece := sha256.New(), make([]byte, 256<<10)
	for read := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := from.Read(piece)
		digest.Write(piece[:n])
		if read += int64(n); read > limit {
			return "", fmt.Errorf("more than %d bytes", limit)
		}
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(digest.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}
