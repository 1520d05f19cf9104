// Package agree sees to it that one holder at a time acts on a system, by a
// locked file: agreement for one machine.
package agree

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"holdfast"
	"holdfast/internal/files"
)

// ErrHeld is what Open refuses with while another process holds the file.
const ErrHeld = holdfast.Refusal("another holdfast acts on this system")

// fileName is the file's name within the directory.
const fileName = "agree"

// A File is the agreement, held. Its methods may be called concurrently.
type File struct {
	path  string
	epoch uint64
	mu    sync.Mutex
	file  *os.File // nil once it is no longer held
}

// Open takes hold of the agreement in dir, which must exist, and makes its
// epoch higher than every one before, and than above, durably. Above is the
// highest epoch others have seen: the file may have been removed since. It does
// not wait: while another process holds it, the error is ErrHeld and names that
// process.
//
// The kernel lets go of the lock when its holder dies, however it dies. The
// file is written in place and never grows, so a full disk is no reason to fail
// once it exists.
func Open(dir string, above uint64) (*File, error) {
	path := filepath.Join(dir, fileName)
	file, err := lock(path)
	if err != nil {
		return nil, fmt.Errorf("agree by %s: %w", path, err)
	}
	epoch, err := advance(file, above)
	if err == nil {
		err = files.SyncDir(dir)
	}
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("agree by %s: %w", path, err)
	}
	return &File{path: path, epoch: epoch, file: file}, nil
}

// Epoch is the fence: higher than that of every holder before.
func (f *File) Epoch() uint64 { return f.epoch }

// Held says whether the holder may still act. It turns false for ever when the
// file under our name is no longer the one we locked, because then somebody
// else may hold the other one, and when Close was called. It costs one stat.
func (f *File) Held() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return false
	}
	if !named(f.file, f.path) {
		f.drop()
	}
	return f.file != nil
}

// Close lets go. It may be called more than once.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.drop()
}

func (f *File) drop() error {
	if f.file == nil {
		return nil
	}
	err := f.file.Close()
	f.file = nil
	return err
}

// lock opens and locks the file under path.
func lock(path string) (*os.File, error) {
	// A file can be replaced between opening and locking it; then the lock is
	// on nothing, and we look again. Three times, because once is a race and
	// more is somebody at work who should be told.
	for range 3 {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil && named(file, path) {
			return file, nil
		}
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = held(file)
		}
		file.Close()
		if err != nil {
			return nil, err
		}
	}
	return nil, errors.New("the file is replaced again and again while it is being locked")
}

// held is ErrHeld with the holder's name, if it has written it down already.
func held(file *os.File) error {
	last, err := read(file)
	if err != nil || last.pid == 0 {
		return ErrHeld
	}
	return fmt.Errorf("%w: process %d", ErrHeld, last.pid)
}

// named says whether an open file is the one that bears the name.
func named(file *os.File, path string) bool {
	ours, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(ours, there)
}

// The file holds two lines of fixed length, written in turn, so that a write
// that was torn can spoil only the line that nobody was told of yet.
const (
	lineFormat = "epoch %020d process %010d "
	lineLength = 6 + 20 + 9 + 10 + 1 + 8 + 1
	lines      = 2
)

// A holding is one line: who held, at which epoch.
type holding struct {
	epoch uint64
	pid   int
}

func (h holding) line() string {
	text := fmt.Sprintf(lineFormat, h.epoch, h.pid)
	return fmt.Sprintf("%s%08x\n", text, checksum(text))
}

func checksum(text string) uint32 {
	return crc32.Checksum([]byte(text), crc32.MakeTable(crc32.Castagnoli))
}

// advance writes the next epoch down and returns it.
func advance(file *os.File, above uint64) (uint64, error) {
	last, err := read(file)
	if err != nil {
		return 0, err
	}
	next := holding{epoch: max(last.epoch, above) + 1, pid: os.Getpid()}
	if next.epoch%lines == last.epoch%lines {
		next.epoch++ // the last line stays whole until the next one is
	}
	if _, err := file.WriteAt([]byte(next.line()), int64(next.epoch%lines)*lineLength); err != nil {
		return 0, err
	}
	return next.epoch, file.Sync()
}

// read finds the last holding, which is zero in a new file. A file that holds
// something else is an error and not a new one: an epoch must never go back.
func read(file *os.File) (holding, error) {
	text, err := io.ReadAll(io.NewSectionReader(file, 0, lines*lineLength+1))
	if err != nil {
		return holding{}, err
	}
	var last holding
	for at := 0; at+lineLength <= len(text); at += lineLength {
		if h, ok := parse(string(text[at : at+lineLength])); ok && h.epoch > last.epoch {
			last = h
		}
	}
	if untouched := strings.Trim(string(text), "\x00") == ""; last.epoch == 0 && !untouched {
		return holding{}, errors.New("its epoch cannot be read: when nothing of this system runs any more, remove the file and try again")
	}
	return last, nil
}

func parse(line string) (holding, bool) {
	var h holding
	if _, err := fmt.Sscanf(line, lineFormat, &h.epoch, &h.pid); err != nil {
		return holding{}, false
	}
	return h, h.line() == line
}
