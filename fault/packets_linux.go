package fault

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"

	"holdfast"
	"holdfast/internal/proc"
)

const (
	// kernelTime bounds one exchange with the kernel. It answers in well under a
	// millisecond, unless another is loading a large set of rules.
	kernelTime = time.Second

	setName   = "fronts"
	chainName = "drops"
)

// kernel is a connection to the packet filter, in the network namespace of who
// calls. It is opened for each exchange, and closed with it.
func kernel() (*nftables.Conn, error) {
	return nftables.New(nftables.WithSockOptions(func(conn *netlink.Conn) error {
		return conn.SetDeadline(time.Now().Add(kernelTime))
	}))
}

func tableNamed(name string) *nftables.Table {
	return &nftables.Table{Name: name, Family: nftables.TableFamilyIPv4}
}

func setIn(table *nftables.Table) *nftables.Set {
	// The number is ours, one set per batch: the library counts its own up unguarded.
	return &nftables.Set{Table: table, ID: 1, Name: setName, KeyType: nftables.TypeInetService, HasTimeout: true}
}

// lay makes a filter true, all of it in one instant. What a table of this name
// was before is gone.
func lay(f filter) error {
	if err := remove(f.table); err != nil {
		return err
	}
	conn, err := kernel()
	if err != nil {
		return err
	}
	if err := f.write(conn); err != nil {
		return err
	}
	return conn.Flush()
}

func (f filter) write(conn *nftables.Conn) error {
	table := conn.CreateTable(tableNamed(f.table))
	set := setIn(table)
	if err := conn.AddSet(set, elements(f.ports)); err != nil {
		return err
	}
	// On INPUT, where a sender hears nothing of it: what is dropped on OUTPUT is an
	// error to some senders, as on no real link. Of our priority nothing depends: a
	// packet that one chain drops no other lets pass.
	chain := conn.AddChain(&nftables.Chain{
		Name: chainName, Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter,
	})
	for _, d := range f.drops {
		conn.AddRule(&nftables.Rule{
			Table: table, Chain: chain, Exprs: d.expressions(set),
			UserData: userdata.AppendString(nil, userdata.TypeComment, f.says),
		})
	}
	return nil
}

// expressions are one rule: TCP, on loopback, a port of the set, by chance,
// counted, dropped.
func (d drop) expressions(set *nftables.Set) []expr.Any {
	const (
		source, destination         = 12, 16 // in an IPv4 header
		sourcePort, destinationPort = 0, 2   // in a TCP header
	)
	address, port := uint32(destination), uint32(destinationPort)
	if d.way == fromVictim {
		address, port = source, sourcePort
	}
	rule := []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{syscall.IPPROTO_TCP}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: address, Len: 4},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{127, 0, 0, 1}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: port, Len: 2},
		&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID},
	}
	if d.oneIn > 1 {
		const random = 1 // NFT_NG_RANDOM
		rule = append(rule,
			&expr.Numgen{Register: 1, Modulus: d.oneIn, Type: random},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: make([]byte, 4)}, // nought, in any order of bytes
		)
	}
	return append(rule, &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop})
}

func elements(ports []uint16) []nftables.SetElement {
	var all []nftables.SetElement
	for _, port := range ports {
		all = append(all, nftables.SetElement{Key: []byte{byte(port >> 8), byte(port)}, Timeout: holdfast.Lease})
	}
	return all
}

// extend puts the ports of a filter into its set anew, for another lease. Taken
// out and put in within one instant, because a kernel before 6.12 leaves what is
// there at its old time; and because what lapsed cannot be taken out, it is not
// put in again.
func extend(table string) error {
	conn, err := kernel()
	if err != nil {
		return err
	}
	set := setIn(tableNamed(table))
	held, err := conn.GetSetElements(set)
	if errors.Is(err, syscall.ENOENT) || err == nil && len(held) == 0 {
		return errNotInForce
	}
	if err != nil {
		return err
	}
	var old, anew []nftables.SetElement
	for _, one := range held {
		old = append(old, nftables.SetElement{Key: one.Key})
		anew = append(anew, nftables.SetElement{Key: one.Key, Timeout: holdfast.Lease})
	}
	if err := errors.Join(conn.SetDeleteElements(set, old), conn.SetAddElements(set, anew)); err != nil {
		return err
	}
	if err := conn.Flush(); errors.Is(err, syscall.ENOENT) {
		return errNotInForce
	} else if err != nil {
		return err
	}
	return nil
}

// remove takes a table away. One that is not there is gone, and where there is no
// packet filter there is none.
func remove(table string) error {
	conn, err := kernel()
	if err == nil {
		conn.DelTable(tableNamed(table))
		err = conn.Flush()
	}
	if errors.Is(err, syscall.ENOENT) || absent(err) {
		return nil
	}
	return err
}

// absent tells that the kernel has no packet filter.
func absent(err error) bool {
	return errors.Is(err, syscall.EPROTONOSUPPORT) || errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.EOPNOTSUPP)
}

// tables lists those whose names begin in a way. Who may not look has made none.
func tables(prefix string) ([]string, error) {
	conn, err := kernel()
	if err != nil {
		return nil, err
	}
	all, err := conn.ListTablesOfFamily(nftables.TableFamilyIPv4)
	if absent(err) || errors.Is(err, syscall.EPERM) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, table := range all {
		if strings.HasPrefix(table.Name, prefix) {
			names = append(names, table.Name)
		}
	}
	return names, nil
}

// inscription is what a table says of itself; empty where it says nothing.
func inscription(name string) string {
	conn, err := kernel()
	if err != nil {
		return ""
	}
	table := tableNamed(name)
	rules, err := conn.GetRules(table, &nftables.Chain{Name: chainName, Table: table})
	if err != nil || len(rules) == 0 {
		return ""
	}
	said := rules[0].UserData // one of another's making may be anything
	if len(said) < 2 || userdata.Type(said[0]) != userdata.TypeComment || len(said) < 2+int(said[1]) {
		return ""
	}
	return strings.TrimRight(string(said[2:2+int(said[1])]), "\x00")
}

// ourselves are we, as an owner.
func ourselves() (owner, error) {
	ticks, err := proc.Ticks(os.Getpid())
	if err != nil {
		return owner{}, err
	}
	among, err := os.Readlink("/proc/self/ns/pid")
	return owner{pid: os.Getpid(), ticks: ticks, among: among}, err
}

// needsPacketFilter asks the kernel for all that a packet fault is made of: a
// table, a set with time-outs, chance. It is made in a network namespace of its
// own, which ends with the thread that was in it.
func needsPacketFilter() (why, next string) {
	answer := make(chan error, 1)
	var asking sync.WaitGroup
	asking.Go(func() {
		runtime.LockOSThread() // and never unlocked: the thread ends here
		answer <- tryPacketFilter()
	})
	asking.Wait()
	return unfiltered(<-answer)
}

func tryPacketFilter() error {
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		return err
	}
	return lay(filter{
		table: tablePrefix + "probe", ports: []uint16{1}, says: "a question to the kernel",
		drops: []drop{{way: toVictim, oneIn: 1}, {way: fromVictim, oneIn: 3}},
	})
}

// unfiltered says for people what an answer of the kernel means.
func unfiltered(err error) (why, next string) {
	switch {
	case err == nil:
		return "", ""
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return "only root may have packets dropped", "run prove as root, in a container with CAP_NET_ADMIN and CAP_SYS_ADMIN"
	case absent(err), errors.Is(err, syscall.ENOENT):
		return "the kernel cannot drop packets by rules that lapse", "load the modules nf_tables and nft_numgen; a container takes them from its host"
	}
	return fmt.Sprintf("the kernel's packet filter refuses: %v", err), "see dmesg; faults that need no packet filter can be drilled all the same"
}
