package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/fault"
	"holdfast/fault/flood"
	"holdfast/fault/hog"
	"holdfast/fault/tracer"
	"holdfast/gateway"
	"holdfast/internal/unixsock"
	"holdfast/keeper"
	"holdfast/load"
	"holdfast/prove"
	"holdfast/toy"
	"holdfast/warden"
)

// roleCommands are the processes of Holdfast itself, one command each, and the
// demo's services. Nobody types them.
func roleCommands() []*cobra.Command {
	return []*cobra.Command{
		keeperCommand(), agentCommand(), gatewayCommand(), proxyCommand(), wardenCommand(), loadCommand(), tracerCommand(), hogCommand(), floodCommand(), toyCommand(), enterCommand(),
	}
}

const gatewayRole keeper.RoleName = "gateway"

func keeperCommand() *cobra.Command {
	c := &cobra.Command{Use: "keeper", Args: cobra.NoArgs, Short: "hold processes and sockets (started by up and prove)"}
	flag := stateFlag(c)
	private := c.Flags().Bool("private", false, "keep a private copy, which dies with its lifeline")
	c.RunE = func(c *cobra.Command, _ []string) error {
		state := stateDir(*flag)
		if err := state.prepare(); err != nil {
			return exit(exitCouldNot, err)
		}
		self, err := os.Executable()
		if err != nil {
			return exit(exitCouldNot, err)
		}
		agent := []string{self, "agent", "--state", *flag}
		options := keeper.Options{State: *flag, Log: os.Stderr, Enter: []string{self, "enter"}}
		if *private {
			agent = append(agent, "--private")
			options.Guests = []string{prove.LoadName}
			options.Lifeline = os.NewFile(warden.LifelineFD, "lifeline")
		}
		options.Roles = []keeper.Role{
			{Name: keeper.Agent, Run: agent, Log: state.log("agent")},
			{Name: gatewayRole, Run: []string{self, "gateway", "--state", *flag}, Log: state.log("gateway")},
		}
		if *private {
			options.Roles = append(options.Roles, keeper.Role{Name: proxyRole, Run: []string{self, "proxy", "--state", *flag}, Log: state.log("proxy")})
		}
		if err := keeper.Run(c.Context(), options); err != nil {
			return exit(exitCouldNot, err)
		}
		return nil
	}
	return c
}

func gatewayCommand() *cobra.Command {
	c := &cobra.Command{Use: "gateway", Args: cobra.NoArgs, Short: "carry the traffic (started by the keeper)"}
	flag := stateFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := runGateway(c.Context(), stateDir(*flag)); err != nil {
			return exit(exitCouldNot, err)
		}
		return nil
	}
	return c
}

// enterCommand becomes a replica's program within its bounds. The arguments are
// that program's, empty ones too; so are the signals, from the start.
func enterCommand() *cobra.Command {
	return &cobra.Command{
		Use: "enter", Short: "become a program within bounds (started by the keeper)", DisableFlagParsing: true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(_ *cobra.Command, args []string) error {
			signal.Reset()
			return exit(keeper.ExitNotEntered, keeper.Enter(args))
		},
	}
}

// again is the pause before a keeper that was lost is looked for again.
const again = 100 * time.Millisecond

// beat is how often a role shows that it is alive.
const beat = 500 * time.Millisecond

// idleMemory is counted by the garbage collector among what lives, and never touched,
// so that it takes none of the machine's. The collector begins when as much garbage
// lies as lives. In a gateway with few connections that are 3 MiB: it ran forty times a
// second of full load and took 4 % of it, where with 8 MiB more it runs twelve times and
// takes 1 % (GODEBUG=gctrace=1). What 5,000 connections take is the same with it.
const idleMemory = 8 << 20

func runGateway(ctx context.Context, state stateDir) error {
	idle := make([]byte, idleMemory)
	defer runtime.KeepAlive(idle)
	g, err := gateway.New(gateway.Options{Name: "gateway-1", Dir: state.path("gateway"), Log: os.Stderr, Version: version})
	if err != nil {
		return err
	}
	served := newServed(g)
	return together(ctx, g.Run,
		func(ctx context.Context) error { return served.control(ctx, state) },
		func(ctx context.Context) error { return served.keep(ctx, state) })
}

// served are the sockets a gateway was given, kept so that a new keeper can
// have them back.
type served struct {
	gateway *gateway.Gateway
	serving chan struct{}   // closed when the first set is served
	leaving context.Context // ends when another gateway serves in its place
	gone    context.CancelFunc

	mu      sync.Mutex
	sockets []keeper.Socket
}

func newServed(g *gateway.Gateway) *served {
	s := &served{gateway: g, serving: make(chan struct{})}
	s.leaving, s.gone = context.WithCancel(context.Background())
	return s
}

// control serves the control socket until another gateway serves in this one's
// place; that one waits for the socket meanwhile, and nobody is told of a table
// that the other would not know. Then it stays until ctx ends: g.Run has what is
// left to do.
func (s *served) control(ctx context.Context, state stateDir) error {
	control, err := listenInTurn(ctx, state.gatewaySocket())
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(s.leaving, stop)()
	if err := s.gateway.Control(serving, control); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// listenInTurn listens on a socket as soon as nobody else serves it.
func listenInTurn(ctx context.Context, path string) (*net.UnixListener, error) {
	for {
		l, err := unixsock.Listen(path)
		if !errors.Is(err, unixsock.ErrServed) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// keep stays with the keeper, and finds the next one when it is lost. The
// gateway serves on meanwhile.
func (s *served) keep(ctx context.Context, state stateDir) error {
	for !s.left() {
		if client, err := keeper.Dial(ctx, state.keeperSocket(), gatewayRole, 0); err == nil {
			err = s.attend(ctx, client)
			client.Close()
			if ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "gateway: lost the keeper, serving on:", err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(again):
		}
	}
	// Whoever leaves has nothing more to ask of a keeper that it has lost.
	<-ctx.Done()
	return ctx.Err()
}

func (s *served) left() bool { return s.leaving.Err() != nil }

func (s *served) attend(ctx context.Context, client *keeper.Client) error {
	if err := client.Return(ctx, s.all()); err != nil {
		return err
	}
	return together(ctx,
		func(ctx context.Context) error { return client.Sockets(ctx, s.take) },
		func(ctx context.Context) error { return client.Follow(ctx, s.gateway.Exited) },
		func(ctx context.Context) error { return s.takeTurns(ctx, client) },
		func(ctx context.Context) error { return beats(ctx, client) })
}

// takeTurns tells the keeper that this gateway serves, and leaves when another
// one does so in its place. A keeper that knows of no turns ends it by a signal.
func (s *served) takeTurns(ctx context.Context, client *keeper.Client) error {
	select {
	case <-s.serving:
	case <-ctx.Done():
		return ctx.Err()
	}
	if client.Serving(ctx) == nil {
		s.leave()
	}
	<-ctx.Done()
	return ctx.Err()
}

// leave gives the sockets up: one that this process still held open would take
// connections that nobody accepts.
func (s *served) leave() {
	if s.left() {
		return
	}
	fmt.Fprintln(os.Stderr, "gateway: another one serves in its place; what is under way is finished within", gateway.LeaveTime)
	s.gateway.Leave()
	s.gone()
	s.take(nil)
}

func (s *served) all() []keeper.Socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.sockets)
}

// take hands a set of sockets to the gateway and keeps a copy of each, unless it
// leaves.
func (s *served) take(set []keeper.Socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sockets := make([]gateway.Socket, 0, len(set))
	for _, socket := range set {
		listener, err := net.FileListener(socket.File)
		if err != nil {
			fmt.Fprintf(os.Stderr, "gateway: socket %s: %v\n", socket.Listener.Name, err)
			continue
		}
		sockets = append(sockets, gateway.Socket{Listener: socket.Listener, Socket: listener})
	}
	s.gateway.Sockets(sockets)
	for _, old := range s.sockets {
		old.File.Close()
	}
	s.sockets = set
	if s.left() {
		for _, socket := range s.sockets {
			socket.File.Close()
		}
		s.sockets = nil
	}
	s.serves()
}

// serves notes the first set. The caller holds mu.
func (s *served) serves() {
	select {
	case <-s.serving:
	default:
		close(s.serving)
	}
}

func beats(ctx context.Context, client *keeper.Client) error {
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		if err := client.Beat(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-client.Lost():
			return keeper.ErrLost
		case <-ticker.C:
		}
	}
}

func wardenCommand() *cobra.Command {
	return &cobra.Command{
		Use: "warden", Args: cobra.NoArgs, Short: "put back what a drill broke (started by prove)",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := warden.Run(c.Context(), fault.All()); err != nil {
				return exit(exitCouldNot, err)
			}
			return nil
		},
	}
}

func loadCommand() *cobra.Command {
	return &cobra.Command{
		Use: "load", Args: cobra.NoArgs, Short: "ask as users do (started by prove)",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := load.Run(c.Context(), os.Stdin, os.Stdout); err != nil {
				return exit(exitCouldNot, err)
			}
			return nil
		},
	}
}

func tracerCommand() *cobra.Command {
	return &cobra.Command{
		Use: tracer.Verb, Short: "hold a process by ptrace (started by prove)", DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := tracer.Run(args); err != nil {
				return exit(exitCouldNot, err)
			}
			return nil
		},
	}
}

func hogCommand() *cobra.Command {
	return &cobra.Command{
		Use: hog.Verb, Short: "take the memory of a control group (started by prove)", DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := hog.Run(args); err != nil {
				return exit(exitCouldNot, err)
			}
			return nil
		},
	}
}

func floodCommand() *cobra.Command {
	return &cobra.Command{
		Use: flood.Verb, Short: "ask a service for more than it can answer (started by prove)", DisableFlagParsing: true,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := flood.Run(args); err != nil {
				return exit(exitCouldNot, err)
			}
			return nil
		},
	}
}

func toyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "toy", Short: "a service of the demo's shop", DisableFlagParsing: true,
		RunE: func(c *cobra.Command, args []string) error {
			if err := toy.Run(c.Context(), args, os.Getenv, os.Stdout); err != nil {
				return exit(exitFound, err)
			}
			return nil
		},
	}
}

// listenerAddresses are where listeners are, by name.
func listenerAddresses(listeners []holdfast.Listener) map[holdfast.ListenerName]string {
	addresses := map[holdfast.ListenerName]string{}
	for _, listener := range listeners {
		addresses[listener.Name] = listener.Address
	}
	return addresses
}
