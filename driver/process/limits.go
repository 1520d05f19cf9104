package process

import (
	"fmt"
	"hash/fnv"
	"strings"
	"sync"

	"holdfast"
	"holdfast/internal/cgroup"
)

// groups are the control groups of the replicas that have limits.
type groups struct {
	family string // the name of their parent: differs between state directories
	once   sync.Once
	tree   cgroup.Tree

	mu    sync.Mutex
	lacks map[holdfast.ReplicaName]string // which limits do not hold, and why
}

func newGroups(state string) *groups {
	spread := fnv.New64a()
	spread.Write([]byte(state))
	return &groups{family: fmt.Sprintf("%s%016x", cgroup.Family, spread.Sum64()), lacks: map[holdfast.ReplicaName]string{}}
}

// look finds out what this machine can do, the first time somebody needs it.
func (g *groups) look() cgroup.Tree {
	g.once.Do(func() {
		g.tree = cgroup.Find("/")
		g.tree.Sweep(g.family)
	})
	return g.tree
}

// bound makes the group of a replica. A limit that cannot hold keeps nothing
// from running: it is said, with every start, instead.
func (g *groups) bound(name holdfast.ReplicaName, limits holdfast.Limits) []string {
	grouped := cgroup.Limits{Memory: limits.Memory, CPU: limits.CPU, Processes: limits.Processes}
	var dirs, lacks []string
	if grouped != (cgroup.Limits{}) {
		dirs, lacks = g.look().Make(g.family, string(name), grouped)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.lacks[name] = strings.Join(lacks, "; ")
	return dirs
}

// lacking is what a replica that was started runs without.
func (g *groups) lacking(name holdfast.ReplicaName) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lacks[name]
}
