package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"holdfast"
	"holdfast/internal/files"
)

// A sealed is the last good table as it lies on disk. The checksum is over the
// table's bytes: half a table routes half the traffic, and looks like a whole.
type sealed struct {
	Checksum string          `json:"checksum"` // hex SHA-256
	Table    json.RawMessage `json:"table"`
}

func (g *Gateway) tablePath() string { return tablePath(g.dir) }

func tablePath(dir string) string { return filepath.Join(dir, "table.json") }

// save writes the table in force, unless it is there already. The caller holds
// applying, so what is held cannot be exchanged meanwhile.
func (g *Gateway) save() {
	g.mu.Lock()
	held := g.held
	done := held.unsaved == ""
	g.mu.Unlock()
	if done {
		return
	}
	text, err := json.Marshal(sealed{Checksum: checksum(held.text), Table: held.text})
	if err == nil {
		err = files.ReplaceDurably(g.tablePath(), text)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	held.unsaved = ""
	if err != nil {
		held.unsaved = err.Error()
		g.log.say("routing table %d is in force but not on disk: %v", held.table.Revision, err)
	}
}

func checksum(table []byte) string {
	sum := sha256.Sum256(table)
	return hex.EncodeToString(sum[:])
}

// restore takes the last good table from disk. One that cannot be read is moved
// aside, for a person to look at.
func (g *Gateway) restore() {
	held, err := readSealed(g.tablePath())
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		aside := g.tablePath() + ".bad"
		g.log.say("the routing table on disk is not used: %v; it is moved to %s (%v)", err, aside, os.Rename(g.tablePath(), aside))
		return
	}
	secured := g.secure(held.table)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = held
	g.adopt(held.table, secured)
}

// HeldRevision is that of the table which a gateway of this directory begins with, or
// 0 when there is none to be read. It takes no older one.
func HeldRevision(dir string) uint64 {
	held, err := readSealed(tablePath(dir))
	if err != nil {
		return 0
	}
	return held.table.Revision
}

func readSealed(path string) (*heldTable, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var seal sealed
	if err := json.Unmarshal(text, &seal); err != nil {
		return nil, err
	}
	if got := checksum(seal.Table); got != seal.Checksum {
		return nil, fmt.Errorf("checksum %s, want %s", got, seal.Checksum)
	}
	var table holdfast.RoutingTable
	if err := json.Unmarshal(seal.Table, &table); err != nil {
		return nil, err
	}
	held, err := newHeldTable(table)
	if err != nil {
		return nil, err
	}
	held.unsaved = ""
	return held, nil
}
