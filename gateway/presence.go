package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"holdfast"
)

// shown is what a gateway shows to those beside it: two serve the same replicas
// while one takes over from the other, and one of them says when a replica may be
// ended.
type shown struct {
	Revision uint64               `json:"revision"`
	Busy     []holdfast.ReplicaID `json:"busy,omitempty"` // of what drains, those with something in flight
}

// mayUse says whether a replica that drains since a revision may be in use there.
func (s shown) mayUse(id holdfast.ReplicaID, since uint64) bool {
	return s.Revision < since || slices.Contains(s.Busy, id)
}

// A presence is the file by which a gateway is there for the others of its
// directory. Whoever writes it holds its lock, so that the kernel takes back what
// one that was killed has said.
type presence struct {
	dir  string
	file *os.File // nil: nobody sees this one
	text []byte
}

// besideEnding is of files that are not to be looked at yet.
const besideEnding = ".new"

// appear makes a gateway known. The file has its name when it is locked: one that is
// found without a lock is of somebody who is gone, and removed.
func appear(dir string) (*presence, error) {
	p := &presence{dir: filepath.Join(dir, "beside")}
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return p, err
	}
	file, err := os.CreateTemp(p.dir, "*"+besideEnding)
	if err != nil {
		return p, err
	}
	name := strings.TrimSuffix(file.Name(), besideEnding)
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		file.Close()
		os.Remove(file.Name())
		return p, fmt.Errorf("show it to other gateways: %w", err)
	}
	p.file = file
	p.show(shown{})
	return p, nil
}

func (p *presence) name() string {
	if p.file == nil {
		return ""
	}
	return strings.TrimSuffix(filepath.Base(p.file.Name()), besideEnding)
}

// leave takes the file away.
func (p *presence) leave() {
	if p.file != nil {
		os.Remove(filepath.Join(p.dir, p.name()))
		p.file.Close()
	}
}

// show writes down what the others are to know. What is read while it is written
// is not understood, and looked at again.
func (p *presence) show(s shown) {
	text, err := json.Marshal(s)
	if p.file == nil || err != nil || bytes.Equal(text, p.text) {
		return
	}
	if p.file.Truncate(0) == nil {
		if _, err := p.file.WriteAt(text, 0); err == nil {
			p.text = text
		}
	}
}

// beside is what the others show. Of whom nothing can be read is believed that it
// uses everything.
func (p *presence) beside() []shown {
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return nil
	}
	var all []shown
	for _, entry := range entries {
		if entry.Name() == p.name() || strings.HasSuffix(entry.Name(), besideEnding) {
			continue
		}
		if other, there := p.look(filepath.Join(p.dir, entry.Name())); there {
			all = append(all, other)
		}
	}
	return all
}

// look reads what one of the others shows; one that is gone is not there, and its
// file is removed.
func (p *presence) look(path string) (other shown, there bool) {
	file, err := os.Open(path)
	if err != nil {
		return other, false
	}
	defer file.Close()
	if syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		os.Remove(path)
		return other, false
	}
	if err := json.NewDecoder(file).Decode(&other); err != nil {
		return shown{}, true
	}
	return other, true
}
