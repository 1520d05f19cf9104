package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"holdfast/event"
	"holdfast/gateway"
	"holdfast/keeper"
)

func renewCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "renew", Args: cobra.NoArgs, Short: "put a new holdfast in the place of the one that runs",
		Long: "Starts the gateway and the agent anew, from this program, while the system\n" +
			"answers: a second gateway serves the same sockets before the first one leaves,\n" +
			"and that one finishes what it has begun, for " + event.Short(gateway.LeaveTime) + " at most. One that does not\n" +
			"come up is ended, and the one before serves on. The keeper stays as it is until\n" +
			"the next holdfast up. No replica is touched.",
	}
	flag := stateFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		state, err := stateOf(*flag, ".")
		if err != nil {
			return exit(exitCouldNot, err)
		}
		program, err := ownProgram()
		if err != nil {
			return exit(exitCouldNot, err)
		}
		if err := state.renew(c.Context(), program, c.OutOrStdout()); err != nil {
			return failed(c.Context(), err)
		}
		return nil
	}
	return c
}

// ownProgram is where this program lies. The keeper is told the path: what it
// runs itself may have been deleted, and lain elsewhere.
func ownProgram() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	return filepath.Abs(self)
}

// renew renews the gateway first: it shows, with the old one still there,
// whether the program works.
func (s stateDir) renew(ctx context.Context, program string, out io.Writer) error {
	client, err := s.dialKeeper(ctx)
	if err != nil {
		return s.unreachable(err)
	}
	defer client.Close()
	for _, role := range []keeper.RoleName{gatewayRole, keeper.Agent} {
		err := client.Renew(ctx, role, program)
		if errors.Is(err, keeper.ErrUnknownVerb) {
			return exit(exitCouldNot, errors.New("the keeper is of a version that cannot renew\n  next: holdfast down, holdfast up"))
		}
		if err != nil {
			return exit(exitCouldNot, fmt.Errorf("%w\n  the one before serves on\n  next: see %s, and holdfast renew again", err, s.log(string(role))))
		}
		fmt.Fprintf(out, "the new %s serves\n", role)
	}
	fmt.Fprintf(out, "what was under way is finished within %s; the keeper stays as it is until the next holdfast up\n", event.Short(gateway.LeaveTime))
	return nil
}
