package holdfast

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// ServiceName names a service.
type ServiceName string

// Protocol is how a service is spoken to.
type Protocol string

const (
	HTTP Protocol = "http"
	TCP  Protocol = "tcp" // bytes; the gateway understands nothing of them
	// HTTP/2 from the first byte, without TLS ("prior knowledge"), and gRPC over it.
	H2C  Protocol = "h2c"
	GRPC Protocol = "grpc"
)

// Requests says whether the gateway sees requests, and not only bytes.
func (p Protocol) Requests() bool { return p != TCP }

// Protocols are all of them.
func Protocols() []Protocol { return []Protocol{HTTP, H2C, GRPC, TCP} }

// Trust is how much of a service's life is ours. Each step includes the ones
// before it.
type Trust string

const (
	Observe Trust = "observe" // watched only; the default for urls
	Route   Trust = "route"   // our gateway is in the path
	Full    Trust = "full"    // we own its life; the default for command
)

// A Service is what runs, as the file declares it. Command and environment are
// kept as written: variables and secrets are filled in by the driver at the
// moment of starting, so that a secret is never part of a system that is
// written down.
type Service struct {
	Name        ServiceName       `json:"name"`
	Owner       OwnerName         `json:"owner,omitempty"`
	Command     string            `json:"command,omitempty"` // split as a shell would, run without one
	URLs        []string          `json:"urls,omitempty"`    // already running, elsewhere; excludes Command
	Manage      Trust             `json:"manage"`
	Replicas    int               `json:"replicas"` // for URLs, how many there are
	Protocol    Protocol          `json:"protocol"`
	Ports       []Port            `json:"ports,omitempty"`
	Environment map[string]string `json:"environment,omitempty"`  // as written, unexpanded
	PassThrough []string          `json:"pass_through,omitempty"` // names taken from the caller's environment
	WorkingDir  string            `json:"working_dir"`            // absolute; the file's own folder unless said
	Inputs      []string          `json:"inputs,omitempty"`       // absolute files, folders and patterns that it reads beside its program
	Healthcheck Healthcheck       `json:"healthcheck"`
	StopSignal  string            `json:"stop_signal"`           // "SIGTERM"
	StopGrace   time.Duration     `json:"stop_grace_period"`     // between the stop signal and SIGKILL
	DumpSignal  string            `json:"dump_signal,omitempty"` // makes it print what it does, before it is ended for a hang; empty: it has none
	DependsOn   []Dependency      `json:"depends_on,omitempty"`
	Zones       []ZoneName        `json:"zones,omitempty"` // replica n runs in Zones[(n-1) % len]
	Minimum     int               `json:"minimum"`         // replicas without which the service does not serve; at least 1
	User        string            `json:"user,omitempty"`  // whom it runs as, as written: "web", "1000", "1000:1000"; "" is whoever runs Holdfast
	Limits      Limits            `json:"limits,omitzero"`
	EnvFiles    []string          `json:"env_file,omitempty"` // absolute; read at each start, Environment comes first
	Listen      []uint16          `json:"listen,omitempty"`   // the port of replica n is Listen[n-1]; empty: Holdfast chooses
	Once        bool              `json:"once,omitempty"`     // it runs to its end, once, and who depends on it waits for that
	Design
}

// Limits are what one replica, with all it starts, may use; zero leaves a thing
// unbounded.
type Limits struct {
	Memory    int64   `json:"memory,omitempty"`    // bytes
	CPU       float64 `json:"cpu,omitempty"`       // cores
	Files     int     `json:"files,omitempty"`     // open at once, in each process
	Processes int     `json:"processes,omitempty"` // threads count too
}

// Replaces says whether a replica started as s has to be replaced for it to be
// one of next. What only gateways and the mind look at is taken over in place,
// and so is how the replica is ended.
func (s Service) Replaces(next Service) bool { return !bytes.Equal(s.started(), next.started()) }

// started is what of a service goes into the start of its replicas, written down,
// so that an empty list and none are the same.
func (s Service) started() []byte {
	begun := Service{
		Command: s.Command, URLs: s.URLs, Environment: s.Environment, PassThrough: s.PassThrough, WorkingDir: s.WorkingDir,
		Zones: s.Zones, User: s.User, Limits: s.Limits, EnvFiles: s.EnvFiles, Listen: s.Listen, Once: s.Once,
	}
	for _, dependency := range s.DependsOn {
		if !dependency.Completed { // each of the others is an address in the environment
			begun.DependsOn = append(begun.DependsOn, Dependency{On: dependency.On})
		}
	}
	text, err := json.Marshal(begun)
	if err != nil {
		panic("holdfast: a service cannot be written: " + err.Error())
	}
	return text
}

// Zone is the zone of the n-th replica, n from 1, or "" where none is declared.
func (s Service) Zone(ordinal int) ZoneName {
	if len(s.Zones) == 0 {
		return ""
	}
	return s.Zones[(ordinal-1)%len(s.Zones)]
}

// A Port is where the gateway publishes a service. Host is "127.0.0.1" for the
// short form "8080", and "" (every interface) for ":8080".
type Port struct {
	Host string `json:"host"`
	Port uint16 `json:"port"`
}

// String is the port as an address to listen on.
func (p Port) String() string {
	host := p.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + strconv.Itoa(int(p.Port))
}

// A Healthcheck is how a service is asked whether it can answer. With an empty
// Path any HTTP answer to GET / will do; with one, a status from 200 to 399. A
// TCP service is asked by a connect, and by what it is told and must say where
// the file says so.
type Healthcheck struct {
	Disabled    bool          `json:"disabled,omitempty"` // it listens nowhere: running is enough
	Path        string        `json:"path,omitempty"`
	TLS         bool          `json:"tls,omitempty"`    // it is asked over https
	Send        string        `json:"send,omitempty"`   // what a TCP service is told
	Expect      string        `json:"expect,omitempty"` // what it must say then
	Interval    time.Duration `json:"interval"`
	Timeout     time.Duration `json:"timeout"`
	Retries     int           `json:"retries"`      // misses in a row that eject
	StartPeriod time.Duration `json:"start_period"` // after which a replica that was never ready is somebody's problem
}
