// Package api is the only way into a running system: HTTP and JSON on a unix
// socket that only its owner can open. The command line, the drills and
// whoever writes a script use the same calls.
package api

import (
	"context"
	"time"

	"holdfast"
	"holdfast/event"
	"holdfast/journal/view"
)

// Version is the version of every document. 0 means that fields may still be
// renamed.
const Version = 0

// SocketName is the agent's socket in a state directory.
const SocketName = "api.sock"

// A Status is what is true now.
type Status struct {
	Version   int                      `json:"version"`
	System    holdfast.SystemName      `json:"system"`
	Pid       int                      `json:"pid"` // of the agent
	Epoch     uint64                   `json:"epoch"`
	Private   bool                     `json:"private,omitempty"`
	View      view.Status              `json:"view"`
	Listeners []holdfast.Listener      `json:"listeners"`
	Secured   []holdfast.ListenerName  `json:"secured,omitempty"` // of them, those that are spoken to by TLS
	Gateways  []holdfast.GatewayState  `json:"gateways"`
	Roles     []Role                   `json:"roles"`
	Mute      []string                 `json:"mute,omitempty"` // "keeper", "gateway": those of our own processes that did not answer
	Journal   Journal                  `json:"journal"`
	Budgets   []Budget                 `json:"budgets,omitempty"`     // of the promises, in the order of the file
	Quiet     []event.MaintenanceBegan `json:"maintenance,omitempty"` // in which nobody is woken
}

// A Budget is what users saw of a promise, and how much of what may be bad is left.
type Budget struct {
	Promise  holdfast.PromiseName `json:"promise,omitempty"` // empty: the one for everything
	Target   holdfast.Share       `json:"target"`
	Window   time.Duration        `json:"window"`
	Age      time.Duration        `json:"age"` // since when it is counted, at most Window
	Requests uint64               `json:"requests"`
	Bad      uint64               `json:"bad"`
	Allowed  float64              `json:"allowed"` // bad ones, of those requests
	// Left is the share of what is allowed that is left, below 0 where more was bad;
	// Minutes says the same in minutes with nothing answered, of the whole window.
	// Without a request both mean nothing: Quiet is set then.
	Left    float64           `json:"left"`
	Minutes float64           `json:"minutes"`
	Quiet   bool              `json:"quiet,omitempty"`
	Burning []string          `json:"burning,omitempty"` // the alerts that hold
	By      map[string]uint64 `json:"by,omitempty"`      // the bad ones, by what they are put down to
}

// A Role is one of Holdfast's own processes.
type Role struct {
	Name     string `json:"name"`
	Pid      int    `json:"pid"`
	Restarts int    `json:"restarts"`
	Since    int64  `json:"since"` // CLOCK_BOOTTIME, nanoseconds
}

// A Journal is how the record fares.
type Journal struct {
	Unrecorded uint64 `json:"unrecorded"`        // frames acted upon although they could not be written
	Trouble    string `json:"trouble,omitempty"` // the last error of the disk, while there is one
	Mended     string `json:"mended,omitempty"`
}

// A File is a holdfast.yaml as its owner has it: Name as it was typed, Dir the
// absolute folder that relative paths in it mean.
type File struct {
	Name string `json:"name"`
	Text string `json:"text"`
	Dir  string `json:"dir"`
}

// A Difference is what a file says otherwise than the one in force.
type Difference struct {
	Version  int      `json:"version"`
	Changes  []Change `json:"changes"`            // none: it says the same
	Warnings string   `json:"warnings,omitempty"` // about the file, as a person reads them
}

// A Change is the difference of one service, or with an empty Service that of
// the system as a whole. Keys are those of the file, without values.
type Change struct {
	Service  holdfast.ServiceName   `json:"service,omitempty"`
	What     string                 `json:"what"` // "added", "removed", "changed"
	Keys     []string               `json:"keys,omitempty"`
	Replaced []holdfast.ReplicaName `json:"replaced,omitempty"` // that run, and will be started anew, one at a time
	Alone    bool                   `json:"alone,omitempty"`    // it has one replica: its requests fail meanwhile
	Once     bool                   `json:"once,omitempty"`     // it runs once, and does so again
}

// A Diagnosis is what a person needs about a replica that is not ready.
type Diagnosis struct {
	ID        holdfast.ReplicaID `json:"id"`
	Command   string             `json:"command"`       // as written in the file
	Run       []string           `json:"run,omitempty"` // as run, secrets withheld
	Dir       string             `json:"dir"`
	State     string             `json:"state"` // "running, pid 4711", "exit 1 after 3ms"
	Address   string             `json:"address"`
	Listening bool               `json:"listening"`
	Elsewhere []uint16           `json:"elsewhere,omitempty"` // the ports it listens on instead
	Tried     string             `json:"tried,omitempty"`     // what the gateway last saw there
	Log       string             `json:"log"`
	Lines     []string           `json:"lines"` // its last
}

// A Problem is why a call was refused. Hint is the next step.
type Problem struct {
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func (p *Problem) Error() string {
	if p.Hint == "" {
		return p.Message
	}
	return p.Message + "\n  next: " + p.Hint
}

// A Duty is who is told of what fails by the file in force, and what people have
// arranged otherwise.
type Duty struct {
	Version int             `json:"version"`
	OnCall  holdfast.OnCall `json:"on_call"`
	view.Duty
}

// A Test asks for a message through each contact, of one person or of everybody: it
// is really sent, and says that it is a test.
type Test struct {
	Person holdfast.PersonName `json:"person,omitempty"`
	By     string              `json:"by"`
}

// Tested is what became of one message of a test.
type Tested struct {
	Person  holdfast.PersonName   `json:"person,omitempty"` // none: a channel that a policy tells by itself
	Also    []holdfast.PersonName `json:"also,omitempty"`   // who has the same address, which is tested once
	Via     holdfast.ChannelName  `json:"via"`
	To      string                `json:"to,omitempty"`
	Receipt string                `json:"receipt,omitempty"`
	Took    time.Duration         `json:"took"`
	Why     string                `json:"why,omitempty"` // it was not taken over
}

// A Tests is what became of all of them.
type Tests struct {
	Version int      `json:"version"`
	Tested  []Tested `json:"tested"`
}

// Codes of problems that callers tell apart.
const (
	AddressTaken = "address-taken"
	BadFile      = "bad-file"
	Misused      = "misused" // what was said cannot hold: a word is missing, or a day is over
	NotPrivate   = "not-private"
	Unknown      = "unknown"
)

// An Agent is what the API serves. Its methods may be called concurrently.
type Agent interface {
	Status(ctx context.Context) Status
	// Declare puts a file in force: listeners are opened, then the mind is told.
	Declare(ctx context.Context, file File) error
	// Compare says what Declare would change, and changes nothing. A file that
	// Declare would refuse is refused.
	Compare(ctx context.Context, file File) (Difference, error)
	// Tell hands an input to the mind.
	Tell(ctx context.Context, in event.Body) error
	// Incidents are all that are remembered, without their stories, or the one of a
	// name, with its story; false where none has it.
	Incidents(ctx context.Context, id holdfast.IncidentID) (view.Incidents, bool)
	// Duty is who is told of what fails, now.
	Duty(ctx context.Context) Duty
	// Test sends test messages, and returns when all are settled.
	Test(ctx context.Context, test Test) (Tests, error)
	// Entries calls emit with entries after a sequence number; with follow it
	// goes on until ctx ends.
	Entries(ctx context.Context, after uint64, follow bool, emit func([]event.Entry) error) error
	// LogPath is the file a replica writes to.
	LogPath(replica holdfast.ReplicaName) (string, bool)
	Diagnose(ctx context.Context, replica holdfast.ReplicaName) (Diagnosis, bool)
	// Private tells whether this is a private copy, in which faults may be
	// recorded and guards reset.
	Private() bool
}
