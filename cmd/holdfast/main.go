// Command holdfast reads a system before it fails, runs it so that it keeps
// answering, and proves that it does.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	_ "time/tzdata" // a rotation in Europe/Berlin holds in a container without time zones, too; 400 kB

	"github.com/spf13/cobra"
)

// version is what --version prints and what an agent writes down when it wakes.
const version = "0.1.0-dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the whole program but for the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := command()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	called, err := root.ExecuteContextC(ctx)
	var exit *exitError
	switch {
	case err == nil:
		return exitGood
	case errors.As(err, &exit):
		if exit.err != nil {
			fmt.Fprintln(stderr, "holdfast: "+exit.err.Error())
		}
		return exit.code
	default: // cobra's own: bad usage
		fmt.Fprintln(stderr, "holdfast: "+err.Error())
		fmt.Fprintf(stderr, "  next: %s --help\n", called.CommandPath())
		return exitUsage
	}
}

// The exit codes, as --help lists them.
const (
	exitGood        = 0
	exitFound       = 1
	exitUsage       = 2
	exitCouldNot    = 3
	exitAborted     = 4
	exitNothing     = 5
	exitInterrupted = 130
)

const exitHelp = `Exit codes:
  0  good (warnings allowed)
  1  an error was found, or a bound was broken
  2  bad usage, or a file that cannot be used
  3  could not run, or could not decide
  4  aborted by a guard, everything restored
  5  nothing was drilled
  130  interrupted, faults removed first`

// An exitError ends the program with a code. A nil err prints nothing more.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func exit(code int, err error) error { return &exitError{code: code, err: err} }

// failed is exit 3, but 130 when the reason is that a person interrupted.
func failed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return exit(exitInterrupted, nil)
	}
	return exit(exitCouldNot, err)
}

// untilInterrupted does what reads, thinks and prints and asks nobody meanwhile
// whether it is still wanted. Interrupted, it is left where it stands, at once:
// nothing of it outlives the program.
func untilInterrupted(ctx context.Context, work func() error) error {
	done := make(chan error, 1)
	go func() { done <- work() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return exit(exitInterrupted, nil)
	}
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "holdfast",
		Short:         "How does your system behave when things inevitably go wrong?",
		Long:          "Holdfast reads a system before it fails, runs it so that it keeps answering,\nand proves that it does.\n\n" + exitHelp,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.PersistentPreRunE = noEmptyArgument
	root.AddGroup(&cobra.Group{ID: "main", Title: "The program:"}, &cobra.Group{ID: "people", Title: "When people are needed:"}, &cobra.Group{ID: "more", Title: "While it runs:"})
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("main", demoCommand(), checkCommand(), upCommand(), proveCommand(), statusCommand(), downCommand())
	add("people", incidentsCommand(), ackCommand(), noteCommand(), closeCommand(), actionCommand(), amendCommand(), postmortemCommand(), oncallCommand(), overrideCommand(), maintenanceCommand(), pageCommand())
	add("more", runsCommand(), readyCommand(), eventsCommand(), logsCommand(), reloadCommand(), renewCommand(), doctorCommand(), explainCommand(), initCommand(), pauseCommand(), resumeCommand(), healCommand(), replayCommand())
	for _, role := range roleCommands() {
		role.Hidden = true
		root.AddCommand(role)
	}
	return root
}

// noEmptyArgument refuses what an unset shell variable leaves: pause "" would
// mean everything.
func noEmptyArgument(_ *cobra.Command, args []string) error {
	if slices.Contains(args, "") {
		return exit(exitUsage, errors.New("an argument is empty\n  next: name something, or leave it out; is a variable of your shell unset?"))
	}
	return nil
}
