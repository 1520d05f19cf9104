package spec

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"holdfast"
	"holdfast/diagnostic"
	"holdfast/source"
)

// What a process of ours runs as, may use and reads at its start, and when it is
// started again.

// runAs accepts a user by name or number, and perhaps a group: "web", "1000",
// "web:staff", "1000:1000". Whether the machine has them is known at the start.
func runAs(text string) (string, *complaint) {
	who, group, grouped := strings.Cut(text, ":")
	if !isAccount(who) || grouped && !isAccount(group) {
		return complain[string](badUser, "write a name or a number, and perhaps a group: `web`, `1000`, `1000:1000`", "%s is not a user", diagnostic.Tick(text))
	}
	return text, nil
}

// isAccount accepts what useradd does, and numbers.
func isAccount(text string) bool {
	if text == "" || len(text) > 32 || text[0] == '-' {
		return false
	}
	if strings.Trim(text, "0123456789") == "" {
		_, err := strconv.ParseUint(text, 10, 31)
		return err == nil
	}
	return strings.Trim(strings.ToLower(text), nameCharacters+"_.") == ""
}

// The least that limits may allow. A process that is begun within them is our
// own binary for a moment, and that has some threads and files.
const (
	leastMemory = 4 << 20
	mostMemory  = 1 << 50
	leastCPU    = 0.01
	mostCPU     = 1024
	leastCount  = 16
	mostCount   = 1 << 20
)

func (r *reader) limits(into *holdfast.Limits) func(source.Value) {
	return func(v source.Value) {
		r.Keys(v, "limits", []source.Key{
			{Name: "memory", Read: scalar(r, &into.Memory, size)},
			{Name: "cpu", Read: scalar(r, &into.CPU, cores)},
			{Name: "files", Read: scalar(r, &into.Files, wholeNumber(leastCount, mostCount))},
			{Name: "processes", Read: scalar(r, &into.Processes, wholeNumber(leastCount, mostCount))},
		})
	}
}

// A unit of memory. Only powers of 1024 have a name that means one thing.
type unit struct {
	name  string
	bytes int64
}

func units() []unit {
	return []unit{{name: "GiB", bytes: 1 << 30}, {name: "MiB", bytes: 1 << 20}, {name: "KiB", bytes: 1 << 10}}
}

// size reads "256MiB". What Compose writes as 256m or 256mb is told how to be
// written: it means the same, and others read it as something else.
func size(text string) (int64, *complaint) {
	bytes, wrong := amount(text)
	if wrong != nil {
		return 0, wrong
	}
	return sized(text, bytes)
}

// amount is a size, whatever it is of.
func amount(text string) (float64, *complaint) {
	const help = "write it like `256MiB` or `1.5GiB`"
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	suffix := strings.TrimSpace(text[len(digits):])
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || digits == "" || strings.Trim(digits, "0123456789.") != "" {
		return complain[float64](badSize, help, "%s is not an amount of memory", diagnostic.Tick(text))
	}
	for _, u := range units() {
		switch {
		case suffix == u.name:
			return n * float64(u.bytes), nil
		case suffix != "" && strings.EqualFold(suffix[:1], u.name[:1]):
			return complain[float64](badSize, "write "+diagnostic.Tick(digits+u.name), "%s has no unit that is known here", diagnostic.Tick(text))
		}
	}
	if suffix == "" {
		return complain[float64](badSize, "write "+diagnostic.Tick(digits+"MiB")+" if that is meant; units are `KiB`, `MiB` and `GiB`", "%s has no unit", diagnostic.Tick(text))
	}
	return complain[float64](badSize, help, "%s is not an amount of memory", diagnostic.Tick(text))
}

func sized(text string, bytes float64) (int64, *complaint) {
	switch {
	case bytes < leastMemory:
		return complain[int64](badSize, "write at least "+diagnostic.Tick(sizeText(leastMemory)), "%s is less than any program needs", diagnostic.Tick(text))
	case bytes > mostMemory:
		return complain[int64](badSize, "write at most "+diagnostic.Tick(sizeText(mostMemory)), "%s is more than any machine has", diagnostic.Tick(text))
	}
	return int64(bytes), nil
}

// sizeText is an amount of memory as a person writes it.
func sizeText(bytes int64) string {
	for _, u := range units() {
		if bytes >= u.bytes {
			return strconv.FormatFloat(float64(bytes)/float64(u.bytes), 'f', -1, 64) + u.name
		}
	}
	return strconv.FormatInt(bytes, 10) + "B"
}

// cores reads "0.5" or "50%", of one core.
func cores(text string) (float64, *complaint) {
	const help = "write the part of a core, `0.5` or `50%`; two cores are `2` or `200%`"
	digits, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if err != nil || strings.Trim(strings.TrimSpace(digits), "0123456789.") != "" {
		return complain[float64](badCPU, help, "%s is not a part of a core", diagnostic.Tick(text))
	}
	if percent {
		n = math.Round(n*1e6) / 1e8
	}
	if n < leastCPU || n > mostCPU {
		return complain[float64](badCPU, help, "%s is not between 1%% of a core and %d cores", diagnostic.Tick(text), mostCPU)
	}
	return n, nil
}

// envFiles reads one path or several, relative to the file's folder. They are
// read at each start, so that no secret in them becomes part of the system.
func (r *reader) envFiles(into *[]string) func(source.Value) {
	return func(v source.Value) {
		if _, list := v.Node.(*ast.SequenceNode); list {
			*into, _ = listAt(r, v, "paths", "`env_file: [common.env, web.env]`", r.beside)
			return
		}
		one := ""
		if scalar(r, &one, r.beside)(v); one != "" {
			*into = []string{one}
		}
	}
}

// listen reads the port of the one replica, or those of all in their order.
func (r *reader) listen(d *draft) func(source.Value) {
	return func(v source.Value) {
		if all, list := v.Node.(*ast.SequenceNode); list {
			d.service.Listen, d.listens = listAt(r, v, "ports", "`listen: [6379, 6380]`", fixedPort)
			d.listenUnread = len(d.service.Listen) != len(all.Values)
			return
		}
		var one uint16
		if scalar(r, &one, fixedPort)(v); one != 0 {
			d.service.Listen, d.listens = []uint16{one}, []diagnostic.Place{v.At}
		}
	}
}

func fixedPort(text string) (uint16, *complaint) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 || text[0] == '0' {
		return complain[uint16](badPort, "write the number alone, as in `listen: 6379`; replicas listen on loopback, and `ports` publishes the service", "%s is not a port from 1 to 65535", diagnostic.Tick(text))
	}
	return uint16(n), nil
}

// restart reads Compose's word. `no` is for what runs to its end.
func restart(text string) (string, *complaint) {
	switch text {
	case "no", "always":
		return text, nil
	case "false", "never":
		return complain[string](badWord, "write `restart: \"no\"`", "%s is not a way to restart", diagnostic.Tick(text))
	}
	return complain[string](badWord, "remove it: what exits is restarted, under guardrails; `restart: \"no\"` is for what runs once, to its end", "%s is not a way to restart", diagnostic.Tick(text))
}

// A condition is what a service waits for before it starts.
type condition string

const (
	admittedFirst  condition = "admitted"
	completedFirst condition = "completed"
)

func conditionOf(text string) (condition, *complaint) {
	switch text {
	case "service_completed_successfully":
		return complain[condition](badWord, diagnostic.DidYouMean("", completedFirst, ""), "%s is not a condition that is known here", diagnostic.Tick(text))
	case "service_healthy", "service_started":
		return complain[condition](badWord, "remove it: a service starts when the minimum of what it requires is admitted; who needs another finds it behind the gateway", "%s is not a condition that is known here", diagnostic.Tick(text))
	}
	return oneOf(badWord, "a condition that is known here", admittedFirst, completedFirst)(text)
}

// settleOnce is for what runs once: nobody sends it requests, and nobody starts
// it again.
func (r *reader) settleOnce(d *draft) {
	s := &d.service
	if !s.Once {
		return
	}
	for _, key := range []string{"replicas", "ports", "listen", "protocol", "healthcheck", "failure_modes", "bounds"} {
		at, said := d.written[key]
		if !said || key == "replicas" && s.Replicas == 1 {
			continue
		}
		r.Report(at, diagnostic.Problem{
			Code: unfitKey, Message: diagnostic.Tick(key) + " means nothing for a service that runs once", Label: "`restart: no` " + d.written["restart"].String(),
			Help: "remove it, or remove `restart` if the service is to go on running",
		})
	}
	s.Replicas, s.Ports, s.Listen, d.ports, d.listens = 1, nil, nil, nil, nil
}

// settleListen: a port for each replica, or none for any.
func (r *reader) settleListen(d *draft) {
	s := &d.service
	if n := len(s.Listen); n > 0 && n != s.Replicas && !d.listenUnread {
		var wanted []string
		for i := range min(s.Replicas, 3) {
			wanted = append(wanted, strconv.Itoa(int(s.Listen[0])+i))
		}
		if s.Replicas > 3 {
			wanted = append(wanted, "…")
		}
		r.Report(d.written["listen"], diagnostic.Problem{
			Code: unfitKey, Message: fmt.Sprintf("listen: %s for %s", diagnostic.Count(n, "port"), diagnostic.Count(s.Replicas, "replica")), Label: "each replica has a port of its own",
			Help: "write " + diagnostic.Tick("listen: ["+strings.Join(wanted, ", ")+"]") + ", or leave it out: holdfast then chooses, and `$PORT` says what",
		})
	}
}

// relateCondition: who waits for another's end needs one that has an end, and
// who needs one that has an end waits for it.
func (r *reader) relateCondition(n *need, on *draft) {
	n.dependency.Completed = on.service.Once
	switch {
	case n.condition == completedFirst && !on.service.Once && on.service.Manage != "":
		r.Report(n.conditionAt, diagnostic.Problem{
			Code: noEnd, Message: diagnostic.Tick(string(on.service.Name)) + " goes on running: it is never completed",
			Help: "write `restart: \"no\"` in " + diagnostic.Tick(string(on.service.Name)) + " if it runs once, or remove the condition",
		})
	case n.condition == admittedFirst && on.service.Once:
		r.Report(n.conditionAt, diagnostic.Problem{
			Code: noEnd, Message: diagnostic.Tick(string(on.service.Name)) + " runs once: it is never admitted", Help: "write `condition: completed`",
		})
	}
}

// reportTakenListens: what replicas listen on is theirs alone, and so is what is
// published on loopback or on every interface.
func (r *reader) reportTakenListens(drafts []*draft, published []takenAt) {
	type holder struct {
		whose string
		at    diagnostic.Place
	}
	taken := map[uint16]holder{}
	for _, p := range published {
		if everywhere(p.Host) || p.Host == "127.0.0.1" {
			taken[p.Port.Port] = holder{whose: p.whose(), at: p.at}
		}
	}
	for _, d := range drafts {
		for i, port := range d.service.Listen {
			first, twice := taken[port]
			if !twice {
				taken[port] = holder{whose: "`listen` of " + diagnostic.Tick(string(d.service.Name)), at: d.listens[i]}
				continue
			}
			r.Report(d.listens[i], diagnostic.Problem{
				Code: takenPort, Message: fmt.Sprintf("port %d is taken by %s", port, first.whose), Label: first.at.String(),
				Help: "give the replica another port: who needs it finds it behind the gateway, wherever it listens",
			})
		}
	}
}

// explainProcess says what follows from whom a process runs as, what it may use,
// and what it reads.
func (e *explanation) explainProcess(s holdfast.Service) {
	if s.User != "" {
		e.say("user", s.User, "`user`: `$HOME` and `$USER` are this user's, and `$DATA_DIR` belongs to it; only root can start it")
	}
	l := s.Limits
	for _, limit := range []struct {
		key, value string
		set        bool
	}{
		{key: "memory", value: sizeText(l.Memory), set: l.Memory > 0},
		{key: "cpu", value: strconv.FormatFloat(l.CPU*100, 'f', -1, 64) + "% of a core", set: l.CPU > 0},
		{key: "processes", value: fmt.Sprintf("%d, threads counted too", l.Processes), set: l.Processes > 0},
	} {
		if limit.set {
			e.say("limits."+limit.key, limit.value, "a control group for each replica, by which all it starts is ended too; where the machine has none it runs without, and status says so")
		}
	}
	if l.Files > 0 {
		e.say("limits.files", strconv.Itoa(l.Files), "open at once, in each process")
	}
	for _, path := range s.EnvFiles {
		e.say("env_file", path, "read at each start; `environment` and what holdfast sets come first, and no value is ever shown")
	}
	for i, port := range s.Listen {
		e.say("listen", fmt.Sprintf("%s at %d", holdfast.NameReplica(s.Name, i+1), port), "`listen`: `$PORT` of this replica, on loopback")
	}
	if s.Once {
		e.say("restart", "no", "it runs once: who depends on it starts after it has exited with 0; it has no failure modes and gets no requests")
	}
}
