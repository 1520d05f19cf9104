package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"holdfast"
	written "holdfast/command"
	"holdfast/diagnostic"
	"holdfast/fault"
	"holdfast/host"
	"holdfast/internal/proc"
	"holdfast/journal/view"
	"holdfast/keeper"
)

func doctorCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "doctor [FILE]", Args: cobra.MaximumNArgs(1), Short: "what this host can run, bound and drill",
		Long: "Looks at the kernel, at what holdfast may do here, at the disk and the clock;\n" +
			"with a file, at the ports it needs, and for each failure mode whether its drill\n" +
			"can run here. What is missing is a warning with a next step, and exit 0.",
	}
	flag := stateFlag(c)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		d, err := examine(argument(args, 0), *flag, c.ErrOrStderr())
		if err != nil {
			return err
		}
		if *asJSON {
			return json.NewEncoder(c.OutOrStdout()).Encode(d)
		}
		d.print(c.OutOrStdout())
		return nil
	}
	return c
}

// A doctor is what was found.
type doctor struct {
	Version int         `json:"version"`
	File    string      `json:"file,omitempty"` // empty: there is none
	Host    []host.Fact `json:"host"`
	Ports   []host.Fact `json:"ports"`
	Secrets []host.Fact `json:"secrets"` // the files of those by which people are told
	Drills  []host.Fact `json:"drills"`  // by the name of the failure mode
	Faults  []host.Fact `json:"faults"`  // of all that make one of them true
}

// examine looks at the host and, when there is one, at the file. That there is no
// holdfast.yaml is nothing to complain about, unless one was named.
func examine(name, flag string, problems io.Writer) (doctor, error) {
	d := doctor{Host: host.Facts(), Ports: []host.Fact{}, Secrets: []host.Fact{}, Drills: []host.Fact{}, Faults: []host.Fact{}}
	dir := "."
	_, missing := os.Stat(defaultFile)
	if name != "" || !errors.Is(missing, fs.ErrNotExist) {
		file, reading, err := understand(name, environ(), problems)
		if err != nil {
			return d, err
		}
		d.File, dir = file.Name, file.Dir
		state, err := stateOf(flag, dir)
		if err != nil {
			return d, exit(exitCouldNot, err)
		}
		d.Ports = portFacts(reading.System, state)
		d.Secrets = secretFacts(reading.System.OnCall)
		d.Drills = drillFacts(reading.System, state)
		d.Faults = faultFacts(reading.System)
	}
	state, err := stateOf(flag, dir)
	if err != nil {
		return d, exit(exitCouldNot, err)
	}
	d.Host = append(d.Host, host.Disk(string(state))...)
	return d, nil
}

// portFacts are the ports that a file names, and who has them.
func portFacts(system *holdfast.System, state stateDir) []host.Fact {
	facts := []host.Fact{}
	for _, service := range system.Services {
		for _, port := range service.Ports {
			name := fmt.Sprintf("port %s of %s", strings.TrimPrefix(port.String(), "127.0.0.1:"), service.Name)
			facts = append(facts, portFact(name, port.String(), port.Port, state))
		}
		facts = append(facts, listenFacts(service, state)...)
	}
	for _, port := range system.Gateway.Listen {
		facts = append(facts, portFact(fmt.Sprintf("port %s of the gateway", strings.TrimPrefix(port.String(), "127.0.0.1:")), port.String(), port.Port, state))
	}
	if port := system.Gateway.Metrics; port != nil {
		facts = append(facts, portFact(fmt.Sprintf("port %s of the gateway's metrics", strings.TrimPrefix(port.String(), "127.0.0.1:")), port.String(), port.Port, state))
	}
	return facts
}

// listenFacts are the ports that replicas insist on.
func listenFacts(service holdfast.Service, state stateDir) []host.Fact {
	var facts []host.Fact
	for i, port := range service.Listen {
		name := fmt.Sprintf("port %d of %s", port, holdfast.NameReplica(service.Name, i+1))
		facts = append(facts, portFact(name, net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))), port, state))
	}
	return facts
}

const portFree = "free"

func portFact(name, address string, port uint16, state stateDir) host.Fact {
	f := host.Fact{Name: name, Good: true, Says: portFree}
	listener, err := net.Listen("tcp", address)
	if err == nil {
		listener.Close()
		return f
	}
	f.Says = err.Error()
	pid, program, found := proc.Holder(port)
	switch {
	case errors.Is(err, syscall.EACCES):
		f.Good, f.Says, f.Next = false, "only root may listen there", "run holdfast as root, or choose a port from 1024"
	case !errors.Is(err, syscall.EADDRINUSE):
		f.Good, f.Next = false, "correct the address in the file"
	case found && state.holds(pid):
		f.Says = fmt.Sprintf("held by this system (%s, pid %d)", program, pid)
	case found:
		f.Good, f.Says, f.Next = false, fmt.Sprintf("taken by %s, pid %d", program, pid), "end it, or choose another port in the file"
	default:
		f.Good, f.Says, f.Next = false, "taken", "ss -ltnp, as root, says by whom; end it, or choose another port in the file"
	}
	return f
}

// holds tells whether a process belongs to the system of this state directory: its
// keeper, or what carries its mark.
func (s stateDir) holds(pid int) bool {
	holder, _ := os.ReadFile(s.path(keeper.LockName))
	keep, err := os.ReadFile(s.path(proc.KeepFile))
	if err != nil {
		return false
	}
	of, _, marked := proc.MarkOf(pid)
	return strings.TrimSpace(string(holder)) == strconv.Itoa(pid) || marked && of == strings.TrimSpace(string(keep))
}

// drillFacts say of each failure mode whether its drill can run here.
func drillFacts(system *holdfast.System, state stateDir) []host.Fact {
	facts := []host.Fact{}
	why, next := uncopyable(system, state)
	for _, mode := range drillable(system) {
		f := host.Fact{Name: string(mode.Name), Good: true, Says: "its drill can run here"}
		if says, do, private := hindrance(system, mode); says != "" {
			f.Good, f.Says, f.Next = false, says, do
		} else if private && why != "" {
			f.Good, f.Says, f.Next = false, why, next
		}
		facts = append(facts, f)
	}
	return facts
}

// faultFacts say of each fault that makes one of the modes true whether it can be
// made here, asked for or not.
func faultFacts(system *holdfast.System) []host.Fact {
	facts := []host.Fact{}
	for _, name := range makers(drillable(system)) {
		f := host.Fact{Name: string(name), Good: true, Says: fault.Describe(name).Does}
		if why, next := fault.Possible(name); why != "" {
			f.Good, f.Says, f.Next = false, why, next
		}
		facts = append(facts, f)
	}
	return facts
}

// hindrance is why the drill of a mode can run nowhere here, and what to do; or
// nothing, and whether it takes a private copy.
func hindrance(system *holdfast.System, mode holdfast.FailureMode) (why, next string, private bool) {
	service, _ := system.Service(mode.Strikes.Service)
	if len(mode.Drills) == 0 {
		return "it has no drill", "write `break:` and `mend:` commands for it", false
	}
	for _, by := range mode.Drills {
		if why, next := fault.Possible(by.Fault); why != "" {
			return why, next, false
		}
	}
	if mode.Strikes.Role != "" {
		return "", "", true
	}
	if service.Command == "" && !slices.Contains(system.Prove.Allow, service.Name) {
		return string(service.Name) + " runs elsewhere, and the file does not allow it to be touched", "write `prove: {allow: [" + string(service.Name) + "]}`, then holdfast prove --live", false
	}
	return "", "", service.Command != ""
}

// uncopyable is why no private copy can run here. It runs all of the file, so
// what hinders one service hinders every drill.
func uncopyable(system *holdfast.System, state stateDir) (why, next string) {
	for _, service := range system.Services {
		if why, next := unstartable(service); why != "" {
			return why, next
		}
	}
	for _, service := range system.Services {
		if movable(service) {
			continue
		}
		for _, port := range listenFacts(service, state) {
			if port.Says != portFree {
				return port.Name + " is " + port.Says, cmp.Or(port.Next, "a private copy needs it too: holdfast down first, or have the command listen on `$PORT`")
			}
		}
	}
	return "", ""
}

// unstartable says why a service could not even be started here.
func unstartable(s holdfast.Service) (why, next string) {
	if s.Command == "" {
		return "", ""
	}
	if s.User != "" && os.Geteuid() != 0 {
		return fmt.Sprintf("%s runs as the user %s, which only root can start", s.Name, s.User), "run holdfast as root, or remove `user`"
	}
	for _, path := range s.EnvFiles {
		if _, err := os.Stat(path); err != nil {
			return fmt.Sprintf("the env_file of %s cannot be read: %v", s.Name, err), "write it, or correct env_file"
		}
	}
	words, _ := written.Split(s.Command)
	if len(words) == 0 || strings.Contains(words[0], "$") || !strings.Contains(words[0], "/") {
		return "", ""
	}
	program := words[0]
	if !filepath.IsAbs(program) {
		program = filepath.Join(s.WorkingDir, program)
	}
	if info, err := os.Stat(program); err != nil {
		return fmt.Sprintf("the program of %s is not there: %s", s.Name, program), "build it, or correct the command"
	} else if info.Mode()&0o111 == 0 {
		return fmt.Sprintf("the program of %s is not executable: %s", s.Name, program), "chmod +x it"
	}
	return "", ""
}

func (d doctor) print(out io.Writer) {
	missing := printFacts(out, "this host", d.Host)
	if d.File == "" {
		fmt.Fprintf(out, "no %s here: ports and drills are not looked at\n", defaultFile)
	} else {
		missing += printFacts(out, "the ports of "+d.File, d.Ports)
		missing += printFacts(out, "the secrets by which people are told", d.Secrets)
		missing += printFacts(out, "its drills", d.Drills)
		missing += printFacts(out, "the faults that they and --every-fault make", d.Faults)
	}
	if missing == 0 {
		fmt.Fprintln(out, "nothing is missing")
		return
	}
	fmt.Fprintf(out, "%s; the system runs without, as said above\n", diagnostic.Count(missing, "warning"))
}

// printFacts says them one per line, and what to do below. It returns how many
// are not good.
func printFacts(out io.Writer, title string, facts []host.Fact) int {
	missing := 0
	if len(facts) > 0 {
		fmt.Fprintln(out, title)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range facts {
		mark := view.Good
		if !f.Good {
			mark = view.Bad
			missing++
		}
		fmt.Fprintf(table, "  %s %s\t%s\n", mark, f.Name, f.Says)
		if !f.Good && f.Next != "" {
			fmt.Fprintf(table, "    \tnext: %s\n", f.Next)
		}
	}
	table.Flush()
	return missing
}
