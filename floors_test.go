package holdfast_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A floor is a package's place in the house: what of the house it may import,
// what of others, and why. Imports point down, or sideways where the reason
// says so. A package that is not listed has no place yet.
type floor struct {
	pkg     string
	house   []string // packages of ours; "holdfast" is the root
	others  []string // modules of others
	because string
}

// floors is the house from the ground up.
func floors() []floor { return slices.Concat(below(), hands(), top()) }

func below() []floor {
	return []floor{
		// words
		{pkg: "holdfast", because: "nouns and ports; imports nothing so that everything may import it"},
		{pkg: "mode", house: words("holdfast"), because: "the catalogue is made of the nouns"},
		{pkg: "event", house: words("holdfast"), because: "what can be written down is said in the nouns"},
		{pkg: "diagnostic", because: "how it is said what is wrong with a file; readers and judges of files share it; of codes it knows those of acceptances alone"},
		{pkg: "command", house: words("holdfast"), because: "how commands and variables are written; spec checks it and a driver runs it, and both must read the same"},
		// reading
		{pkg: "source", house: words("holdfast", "diagnostic"), others: words("github.com/goccy/go-yaml"),
			because: "text becomes values that know where they stand; the YAML grammar is not ours to write"},
		{pkg: "cutset", because: "fault trees and what cuts them; knows no services, and imports nothing so that it can be proved alone"},
		{pkg: "topology", house: words("holdfast", "cutset"), because: "who needs whom, and so what takes what down, is a property of a system"},
		{pkg: "compose", house: words("holdfast", "command", "diagnostic", "source", "topology"), others: words("github.com/compose-spec/compose-go", "github.com/goccy/go-yaml"),
			because: "Compose files that teams have; their grammar is the library's, which is given no file to read, and what hurts is ours to say"},
		{pkg: "spec", house: words("holdfast", "command", "diagnostic", "mode", "source", "topology"), others: words("github.com/goccy/go-yaml"),
			because: "values become a system, strictly"},
		{pkg: "check", house: words("holdfast", "command", "cutset", "diagnostic", "mode", "oncall", "promise", "topology"), because: "judges a system; speaks in paths of the file, and reads none; whom a policy reaches and which alerts can come is what the mind goes by"},
		{pkg: "kubernetes", house: words("diagnostic", "source"),
			because: "judges objects that a team already has, as they are written; a client of Kubernetes would weigh more than all of this"},
		// mind
		{pkg: "detect", house: words("holdfast"), because: "observations in, belief out"},
		{pkg: "decide", house: words("holdfast", "event"), because: "belief in, decisions out"},
		{pkg: "promise", house: words("holdfast"), because: "counts in, what is left of a budget and how it burns out"},
		{pkg: "oncall", house: words("holdfast", "event", "topology"), because: "what is bad in, whom it reaches out; which failures are one incident is a property of who needs whom"},
		{pkg: "ready", house: words("holdfast", "mode", "oncall", "topology"), because: "a system and what drills showed in, how far it is from being ready out; whom a failure reaches is the mind's to say"},
		{pkg: "control", house: words("holdfast", "event", "topology", "detect", "decide", "promise", "oncall"), because: "composes the mind"},
		// memory
		{pkg: "journal", house: words("holdfast", "event", "internal/files"), because: "stores entries, knows nothing of what they mean"},
		{pkg: "journal/view", house: words("holdfast", "event", "mode", "topology"), because: "folds entries over who needs whom, and says of a failure what kind it is; reads no files itself"},
		{pkg: "agree", house: words("holdfast", "internal/files"), because: "one holder at a time, by a locked file"},
		// loop
		{pkg: "loop", house: words("event", "control", "journal", "oncall"), because: "asks the mind and records what it says"},
	}
}

// hands: none imports another; cmd and prove wire them through the ports.
func hands() []floor {
	return []floor{
		{pkg: "internal/proc", because: "what the kernel says of processes; hands share it and it imports none"},
		{pkg: "internal/tcp", because: "what the kernel says of connections; the load sees faults by it, and so do tests"},
		{pkg: "internal/files", because: "files replaced whole, and their ends; memory, hands and top share it"},
		{pkg: "internal/cgroup", because: "groups of processes that the kernel bounds; hands share it and it imports none"},
		{pkg: "internal/golden", others: words("github.com/google/go-cmp"), because: "what was said last, as a test; tests alone import it"},
		{pkg: "internal/unixsock", because: "sockets below long paths; used by several hands"},
		{pkg: "keeper", house: words("holdfast", "internal/cgroup", "internal/files", "internal/proc", "internal/unixsock"), because: "standard library only: the process that must not die of somebody else's code"},
		{pkg: "gateway", house: words("holdfast", "detect", "internal/files", "internal/proc", "internal/unixsock"), because: "statically stable: knows the routing table and nothing of the mind; the detectors run twice, fast and local here, slow and global there"},
		{pkg: "driver/process", house: words("holdfast", "command", "internal/cgroup", "internal/files", "internal/proc"), because: "starts through the Keeper port"},
		{pkg: "driver/urls", house: words("holdfast"), because: "observes and routes what runs elsewhere"},
		{pkg: "driver/drivertest", house: words("holdfast"), because: "the contract of the Driver port, as a test"},
		{pkg: "observe", house: words("holdfast", "event"), because: "brings what the hands see to the loop"},
		{pkg: "act", house: words("holdfast", "event", "control"), because: "carries out what was recorded, through the ports"},
		{pkg: "capture", house: words("holdfast", "internal/proc"), because: "what can be seen of a replica, before a remedy destroys it"},
		{pkg: "internal/role", house: words("internal/proc"), because: "this program started once more, apart from who starts it; faults share it"},
		{pkg: "fault", house: words("holdfast", "command", "fault/flood", "fault/hog", "fault/proxy", "fault/tracer", "internal/cgroup", "internal/proc"), others: words("github.com/google/nftables", "github.com/mdlayher/netlink"), because: "one fault, one file; those in a path are rules of the proxy there or of the kernel, whose language is the library's, those of system calls a tracer's work, a hook's commands are written as a service's are"},
		{pkg: "fault/flood", house: words("holdfast", "internal/proc", "internal/role"), because: "standard library only: a process of its own, whose load ends with it"},
		{pkg: "fault/hog", house: words("holdfast", "internal/cgroup", "internal/proc", "internal/role"), others: words("golang.org/x/sys"), because: "a process of its own, whose memory dies with it"},
		{pkg: "fault/tracer", house: words("holdfast", "internal/proc", "internal/role"), because: "standard library only: it holds a service's every thread"},
		{pkg: "fault/proxy", house: words("holdfast", "internal/files", "internal/proc", "internal/unixsock"), others: words("golang.org/x/net/http2/hpack"), because: "every byte of a private copy goes through it; that heads of HTTP/2 are read as their senders mean them is the Go team's work"},
		{pkg: "fault/faulttest", house: words("holdfast", "fault/flood", "fault/hog", "fault/proxy", "fault/tracer", "internal/proc", "internal/tcp", "internal/unixsock"), because: "the contract of the Fault port, as a test"},
		{pkg: "internal/hush", because: "what a provider quotes of what it was told; providers share it and it knows none"},
		{pkg: "internal/post", house: words("holdfast", "internal/hush"), because: "a message over HTTP and what its answer means; providers share it and it knows none"},
		{pkg: "notify", house: words("holdfast", "event", "oncall"), because: "hands over what the mind owes people, through the port"},
		{pkg: "notify/smtp", house: words("holdfast", "internal/hush"), others: words("github.com/wneessen/go-mail"), because: "one provider; the grammar of mail and its logins are the library's"},
		{pkg: "notify/ntfy", house: words("holdfast", "internal/post"), because: "one provider"},
		{pkg: "notify/pagerduty", house: words("holdfast", "internal/post"), because: "one provider; a client of their own would bring a command line with it"},
		{pkg: "notify/alertmanager", house: words("holdfast", "internal/post"), because: "one provider, spoken to over HTTP: its packages move"},
		{pkg: "notify/slack", house: words("holdfast", "internal/post"), because: "one provider"},
		{pkg: "notify/webhook", house: words("holdfast", "internal/post"), because: "one provider: a program of somebody's own"},
		{pkg: "notify/command", house: words("holdfast", "command"), because: "one provider: a program on this machine, written as a service's command is"},
		{pkg: "acknowledge", house: words("holdfast", "event", "internal/files"), because: "a page for people outside; what is open, and who says it is acknowledged, is handed in"},
		{pkg: "heartbeat", because: "audits what it is handed, and beats; what is audited is the business of who knows it"},
		{pkg: "notify/notifytest", house: words("holdfast"), because: "the contract of the Notifier port, as a test"},
		{pkg: "warden", house: words("holdfast", "internal/files", "internal/proc"), because: "undoes by name the faults it is handed, and knows none itself"},
		{pkg: "proof", house: words("holdfast", "command", "mode", "internal/files", "internal/proc"), because: "reads what a verdict was made on and keeps verdicts; prove writes them, the agent arms by them"},
		{pkg: "load", house: words("holdfast", "internal/cgroup", "internal/proc", "internal/tcp"), others: words("github.com/HdrHistogram/hdrhistogram-go"), because: "a process of its own with its own clock"},
		{pkg: "host", house: words("internal/cgroup", "internal/proc"), because: "what this machine can do; looks, and tells doctor"},
		{pkg: "docs/problems", because: "prose for people, embedded; whose the codes are is the business of those who find problems"},
		{pkg: "examples/shop", because: "a file for people to start from, which the demo runs too"},
		{pkg: "toy", because: "the demo's services; strangers to Holdfast on purpose"},
	}
}

func top() []floor {
	return []floor{
		{pkg: "api", house: words("holdfast", "event", "journal/view", "internal/unixsock"), because: "the only way in"},
		{pkg: "report", house: words("holdfast", "diagnostic", "event"), because: "shows results; makes none"},
		{pkg: "compare", house: words("holdfast", "report"), because: "two runs in, what changed out; pure, and up here only because a run is"},
		{pkg: "runs", house: words("holdfast", "report", "internal/files"), because: "keeps runs as files, and knows nothing of what they mean"},
		{pkg: "budget", house: words("holdfast", "cutset", "event", "report", "topology"), because: "what is drilled first, by what runs showed and what breaks promises; pure"},
		{pkg: "picture", house: words("holdfast", "check", "diagnostic", "event", "topology"), because: "draws a system and what was found of it; finds nothing itself"},
		{pkg: "prove", house: words("holdfast", "mode", "event", "topology", "spec", "source", "fault", "fault/flood", "fault/proxy", "keeper", "load", "proof", "warden", "api", "report", "internal/files", "internal/proc"), because: "wires a private copy, load and faults into a verdict"},
		{pkg: "bench/rig", because: "builds the program for the benchmarks"},
		{pkg: "bench/crash", house: words("holdfast", "bench/rig", "report"), because: "runs the program as a person does and reads what it prints"},
		{pkg: "bench/cutsets", house: words("cutset"), because: "reads fault trees of others and counts what cuts them"},
		{pkg: "bench/detectors", because: "simulates the detectors; its test alone imports them"},
		{pkg: "bench/diff", house: words("holdfast", "bench/rig", "compare", "examples/shop", "report"), because: "runs the program on changed files, and compares runs of one that nobody changed"},
		{pkg: "bench/gateway", house: words("holdfast", "bench/rig", "internal/proc", "load"), because: "runs gateways side by side, and breaks what is behind them; whose they are makes no difference to it"},
		{pkg: "bench/integrity", house: words("holdfast", "bench/rig", "load", "report"), because: "runs the program on systems that are well and on systems that are not, and reads its verdicts; of load the arithmetic of shares alone"},
		{pkg: "bench/renew", house: words("bench/rig", "internal/proc", "keeper", "load"), because: "changes a running system under load, as a person does, and counts what users saw"},
		{pkg: "bench/rows", house: words("holdfast", "bench/rig", "internal/proc", "load"), because: "breaks a running system under load, by what the program itself says of it"},
		{pkg: "bench/starved", house: words("bench/rig", "internal/proc", "load"), because: "starves a running system, and reads what it says it did"},
		{pkg: "cmd/holdfast", house: words("*"), others: words("github.com/spf13/cobra", "golang.org/x/sys"), because: "wires everything"},
	}
}

// pure packages have no clock, no network, no file, no goroutine and no lock:
// the mind, what it is made of, what it reads, and how that is drawn.
func pure() []string {
	return words("holdfast", "mode", "event", "command", "diagnostic", "source", "cutset", "topology", "compose", "kubernetes", "spec", "check", "detect", "decide", "promise", "oncall", "ready", "control", "journal/view", "picture", "compare", "budget")
}

// banned is what a pure package may not import directly.
func banned() []string {
	return words("net", "net/http", "os", "os/exec", "os/signal", "log", "log/slog", "sync", "sync/atomic", "math/rand", "math/rand/v2", "syscall", "crypto/rand", "runtime")
}

func words(names ...string) []string { return names }

func TestImportsPointDown(t *testing.T) {
	allowed := map[string]floor{}
	for _, f := range floors() {
		allowed[f.pkg] = f
	}
	for _, pkg := range packages(t) {
		f, ok := allowed[pkg.place()]
		if !ok {
			t.Errorf("%s has no place in the house: add it to floors() with a reason", pkg.ImportPath)
			continue
		}
		for _, path := range pkg.Imports {
			if !f.mayImport(path) {
				t.Errorf("%s may not import %s.\n\tIts place: %s", f.pkg, path, f.because)
			}
		}
	}
}

func TestThePurePartIsPure(t *testing.T) {
	for _, pkg := range packages(t) {
		if !slices.Contains(pure(), pkg.place()) {
			continue
		}
		for _, path := range pkg.Imports {
			if slices.Contains(banned(), path) {
				t.Errorf("%s is pure and may not import %s: time is an argument, and what it wants done it returns", pkg.place(), path)
			}
		}
		for _, name := range pkg.GoFiles {
			checkPureFile(t, filepath.Join(pkg.Dir, name))
		}
	}
}

// checkPureFile finds goroutines, and the clock read through package time.
func checkPureFile(t *testing.T, path string) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			t.Errorf("%s: a go statement in the pure part", files.Position(n.Pos()))
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains(words("Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep"), n.Sel.Name) {
				t.Errorf("%s: time.%s in the pure part: time is an argument", files.Position(n.Pos()), n.Sel.Name)
			}
		}
		return true
	})
}

func (f floor) mayImport(path string) bool {
	if path == "holdfast" || strings.HasPrefix(path, "holdfast/") {
		place := strings.TrimPrefix(path, "holdfast/")
		return slices.Contains(f.house, place) || slices.Contains(f.house, "*")
	}
	if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") {
		return true // the standard library; pure() bans parts of it
	}
	return slices.ContainsFunc(f.others, func(module string) bool {
		return path == module || strings.HasPrefix(path, module+"/")
	})
}

// A listed package, as go list prints it.
type listed struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

func (p listed) place() string { return strings.TrimPrefix(p.ImportPath, "holdfast/") }

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for decoder.More() {
		var p listed
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			all = append(all, p)
		}
	}
	return all
}
