package keeper

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"holdfast"
	"holdfast/internal/files"
	"holdfast/internal/proc"
	"holdfast/internal/unixsock"
)

// place is the state directory, held by this keeper and no other.
//
//	lock            locked for the keeper's life; holds its pid
//	keep            random, made once: the first half of every mark
//	keeper.sock     where clients connect
//	processes.json  what runs, for the next keeper
//	listeners.json  which addresses are listened on, for the next keeper
type place struct {
	dir      string
	identity string // of the directory, whatever it is called
	copied   bool   // what lies here was written in another directory
	keep     string
	lock     *os.File
	server   *net.UnixListener
}

// What of the place others look at.
const (
	SocketName = "keeper.sock"
	LockName   = "lock"
)

func settle(dir string) (place, error) {
	lock, err := takeLock(filepath.Join(dir, LockName))
	if err != nil {
		return place{}, err
	}
	p := place{dir: dir, lock: lock}
	if err := p.furnish(); err != nil {
		lock.Close()
		return place{}, err
	}
	return p, nil
}

// furnish finds out whose directory this is, and opens its socket. A copy of a
// state directory gets a name of its own: under the copied one it would adopt,
// and one day end, what the keeper of the other directory runs.
func (p *place) furnish() error {
	var err error
	if p.identity, err = identify(p.dir); err != nil {
		return err
	}
	path := filepath.Join(p.dir, proc.KeepFile)
	if p.copied = p.isCopy(); p.copied {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if p.keep, err = theKeep(path); err != nil {
		return err
	}
	p.server, err = unixsock.Listen(filepath.Join(p.dir, SocketName))
	return err
}

// identify names a directory so that moving it changes nothing, and copying it
// makes another.
func identify(dir string) (string, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return "", err
	}
	if on, ok := info.Sys().(*syscall.Stat_t); ok {
		return fmt.Sprintf("%d:%d", on.Dev, on.Ino), nil
	}
	return "", nil
}

// isCopy tells whether the last table was written in another directory.
func (p *place) isCopy() bool {
	var t table
	p.read("processes.json", &t, func(string, ...any) {}) // who adopts reads it again, and says it
	return t.Place != "" && t.Place != p.identity
}

// leave gives the directory up. The socket goes first: while the lock is held,
// and is the one that lies there, it can be nobody else's.
func (p place) leave() {
	if p.server.Close() == nil && p.holds() == nil {
		os.Remove(filepath.Join(p.dir, SocketName))
	}
	p.lock.Close()
}

// takeLock is the same lock on every system Go has flock on; it ends with the
// process, however that ends.
func takeLock(path string) (*os.File, error) {
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the state directory: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path)
		lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s, pid %s: %w", filepath.Dir(path), strings.TrimSpace(string(holder)), ErrHeld)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if err := lock.Truncate(0); err != nil {
		lock.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if _, err := lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0); err != nil {
		lock.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return lock, nil
}

// theKeep reads the state directory's random name, or makes it.
func theKeep(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if keep := strings.TrimSpace(string(text)); keep != "" {
		return keep, nil
	}
	keep := make([]byte, 8)
	rand.Read(keep)
	name := hex.EncodeToString(keep)
	return name, files.Replace(path, []byte(name+"\n"))
}

// A table is what the next keeper needs to adopt. It holds no environment:
// secrets are not written down.
type table struct {
	Boot      string          `json:"boot"`  // pids and ticks mean nothing in another
	Place     string          `json:"place"` // and nothing in a copy of the directory
	Epoch     uint64          `json:"epoch"`
	Processes []processRecord `json:"processes"`
	Roles     []roleRecord    `json:"roles"`
}

type processRecord struct {
	holdfast.Process
	StopSignal string        `json:"stop_signal"`
	StopGrace  time.Duration `json:"stop_grace_period"`
	Groups     []string      `json:"groups,omitempty"` // control groups it is in
}

type roleRecord struct {
	Name  RoleName `json:"name"`
	Pid   int      `json:"pid"`
	Ticks uint64   `json:"ticks"`
	Since int64    `json:"since"`
	// Leaving is set of one that has the role no more, or not yet.
	Leaving bool `json:"leaving,omitempty"`
}

// save writes the table, which is of this boot only. When it cannot be written
// the work goes on: what is lost is that the next keeper ends what it would have
// adopted.
func (k *keeper) save() {
	t := table{Boot: proc.BootID(), Place: k.place.identity, Epoch: k.epoch, Processes: []processRecord{}, Roles: []roleRecord{}}
	for _, p := range k.processes {
		t.Processes = append(t.Processes, processRecord{Process: p.state, StopSignal: nameSignal(p.stopSignal), StopGrace: p.stopGrace, Groups: p.groups})
	}
	for _, r := range k.roles {
		for _, p := range r.processes() {
			if p.running() {
				t.Roles = append(t.Roles, roleRecord{Name: p.Name, Pid: p.pid, Ticks: p.ticks, Since: p.since, Leaving: p != r})
			}
		}
	}
	k.write("processes.json", t)
	k.unsaved = false
}

func (k *keeper) saveListeners() {
	records := []listenerRecord{}
	for _, h := range k.sockets.all() {
		records = append(records, h.listenerRecord)
	}
	k.write("listeners.json", records)
}

func (k *keeper) write(name string, content any) {
	text, err := json.Marshal(content)
	if err == nil {
		err = files.Replace(filepath.Join(k.place.dir, name), text)
	}
	if err != nil {
		k.log("write %s: %v", name, err)
	}
}

// lastTable is what the last keeper wrote. Processes of another boot, or of the
// directory that this one is a copy of, come without their pids, so that nothing
// is taken for them.
func (p place) lastTable(log func(string, ...any)) table {
	var t table
	p.read("processes.json", &t, log)
	if t.Boot != proc.BootID() || p.copied {
		t.Roles = nil
		for i := range t.Processes {
			t.Processes[i].Ticks = 0
		}
	}
	return t
}

func (p place) lastListeners(log func(string, ...any)) []listenerRecord {
	var records []listenerRecord
	if p.copied {
		return nil // they are listened on already, for the other directory
	}
	p.read("listeners.json", &records, log)
	return records
}

func (p place) read(name string, into any, log func(string, ...any)) {
	text, err := os.ReadFile(filepath.Join(p.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		log("read %s: %v", name, err)
	}
}
