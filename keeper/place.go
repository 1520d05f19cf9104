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
	dir    string
	keep   string
	lock   *os.File
	server *net.UnixListener
}

// SocketName is the keeper's socket in its state directory.
const SocketName = "keeper.sock"

func settle(dir string) (place, error) {
	lock, err := takeLock(filepath.Join(dir, "lock"))
	if err != nil {
		return place{}, err
	}
	keep, err := theKeep(filepath.Join(dir, "keep"))
	if err != nil {
		lock.Close()
		return place{}, err
	}
	server, err := unixsock.Listen(filepath.Join(dir, SocketName))
	if err != nil {
		lock.Close()
		return place{}, err
	}
	return place{dir: dir, keep: keep, lock: lock, server: server}, nil
}

// leave gives the directory up. The socket goes first: while the lock is held,
// it can be nobody else's.
func (p place) leave() {
	if p.server.Close() == nil {
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
	return name, replace(path, []byte(name+"\n"))
}

// replace writes a file so that it is the old one or the new one, whenever we
// die. It is not synced: what it says is of this boot only.
func replace(path string, content []byte) error {
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// A table is what the next keeper needs to adopt. It holds no environment:
// secrets are not written down.
type table struct {
	Boot      string          `json:"boot"` // pids and ticks mean nothing in another
	Epoch     uint64          `json:"epoch"`
	Processes []processRecord `json:"processes"`
	Roles     []roleRecord    `json:"roles"`
}

type processRecord struct {
	holdfast.Process
	StopSignal string        `json:"stop_signal"`
	StopGrace  time.Duration `json:"stop_grace_period"`
}

type roleRecord struct {
	Name  RoleName `json:"name"`
	Pid   int      `json:"pid"`
	Ticks uint64   `json:"ticks"`
	Since int64    `json:"since"`
}

// save writes the table. When it cannot be written the work goes on: what is
// lost is that the next keeper ends what it would have adopted.
func (k *keeper) save() {
	t := table{Boot: proc.BootID(), Epoch: k.epoch, Processes: []processRecord{}, Roles: []roleRecord{}}
	for _, p := range k.processes {
		t.Processes = append(t.Processes, processRecord{Process: p.state, StopSignal: nameSignal(p.stopSignal), StopGrace: p.stopGrace})
	}
	for _, r := range k.roles {
		if r.running() {
			t.Roles = append(t.Roles, roleRecord{Name: r.Name, Pid: r.pid, Ticks: r.ticks, Since: r.since})
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
		err = replace(filepath.Join(k.place.dir, name), text)
	}
	if err != nil {
		k.log("write %s: %v", name, err)
	}
}

// lastTable is what the last keeper wrote. Processes of another boot come
// without their pids, so that nothing is taken for them.
func (p place) lastTable(log func(string, ...any)) table {
	var t table
	p.read("processes.json", &t, log)
	if t.Boot != proc.BootID() {
		t.Roles = nil
		for i := range t.Processes {
			t.Processes[i].Ticks = 0
		}
	}
	return t
}

func (p place) lastListeners(log func(string, ...any)) []listenerRecord {
	var records []listenerRecord
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
