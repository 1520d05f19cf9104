package process

import (
	"fmt"
	"time"

	"holdfast"
	"holdfast/internal/files"
	"holdfast/internal/proc"
)

// diagnosedLines is how much of the log a diagnosis shows: a stack trace's head
// and the message above it, and still one screen.
const diagnosedLines = 20

// A Diagnosis is what a person needs when a replica never became ready. Secrets
// and the caller's variables stand in Run as the references they were written
// as, and secrets in the log's lines too. Of a replica that is no longer
// desired nothing is known that could tell its secrets from other words, so its
// log is named but not shown.
type Diagnosis struct {
	ID        holdfast.ReplicaID
	Command   string   // as written
	Run       []string // as run; empty when it cannot be worked out
	Dir       string
	State     string   // "running, pid 4711", "exit 1 after 3ms", "not started: …"
	Pid       int      // 0 unless this incarnation runs
	Dumps     string   // the signal on which it prints what it does; empty: none
	Address   string   // where it should listen; empty while it has no address
	Listening bool     // somebody does
	Elsewhere []uint16 // the ports on which it listens although nobody does at its address
	LogPath   string
	Log       []string // its last 20 lines
}

// A fate is what became of the last incarnation of a replica.
type fate struct {
	id     holdfast.ReplicaID
	pid    int
	exit   *holdfast.ExitStatus
	ran    time.Duration
	reason string // why it could not be started
}

func (f fate) String() string {
	switch {
	case f.reason != "":
		return "not started: " + f.reason
	case f.exit != nil:
		return fmt.Sprintf("%s after %s", f.exit, f.ran.Round(time.Millisecond))
	case f.pid != 0:
		return fmt.Sprintf("running, pid %d", f.pid)
	}
	return "not started yet"
}

func (d *Driver) record(f fate) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fates[f.id.Name()] = f
}

// Diagnose looks at a replica as it is now. It may take a quarter of a second,
// for the connect that asks whether anything listens.
func (d *Driver) Diagnose(id holdfast.ReplicaID) Diagnosis {
	name := id.Name()
	d.mu.Lock()
	want, desired := d.desired[name]
	last := d.fates[name]
	d.mu.Unlock()
	address := d.addresses.get(name)
	found := Diagnosis{
		ID:        id,
		Command:   want.Service.Command,
		Dir:       want.Service.WorkingDir,
		State:     describe(last, id, desired),
		Address:   address,
		Listening: address != "" && answers(address),
		LogPath:   d.LogPath(name),
		Dumps:     want.Service.DumpSignal,
	}
	if last.id == id && last.exit == nil {
		found.Pid = last.pid
	}
	if found.Pid != 0 && !found.Listening {
		found.Elsewhere = proc.Listens(found.Pid)
	}
	if !desired {
		return found
	}
	l, _ := d.launch(want, address) // its error is what State says already
	found.Run = l.shown
	lines, err := d.Tail(name, diagnosedLines)
	if err != nil {
		lines = []string{"holdfast: " + err.Error()}
	}
	for _, line := range lines {
		found.Log = append(found.Log, files.Printable(l.secrets.withhold(line)))
	}
	return found
}

// describe says what became of one incarnation, when the last one known may be
// another.
func describe(last fate, id holdfast.ReplicaID, desired bool) string {
	switch {
	case last.id == id:
		return last.String()
	case last.id.Incarnation > id.Incarnation:
		return fmt.Sprintf("over: incarnation %d followed (%s)", last.id.Incarnation, last)
	case !desired:
		return "not desired"
	}
	return "not started yet"
}
