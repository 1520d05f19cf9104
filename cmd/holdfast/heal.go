package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/fault"
	"holdfast/warden"
)

func healCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "heal", Args: cobra.NoArgs, Short: "undo what drills left behind",
		Long: "Undoes every fault that a dead drill left, and ends what is left of its private\ncopy. It needs nothing but the ledgers in the state directory, and touches\nnothing of a drill that goes on.",
	}
	flag := stateFlag(c)
	asJSON := jsonFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		state, err := stateOf(*flag, ".")
		if err != nil {
			return exit(exitCouldNot, err)
		}
		if err := state.owned(); err != nil {
			return exit(exitCouldNot, err)
		}
		healed, err := state.heal(c.Context())
		if *asJSON {
			if err := json.NewEncoder(c.OutOrStdout()).Encode(healed); err != nil {
				return exit(exitCouldNot, err)
			}
		} else {
			fmt.Fprint(c.OutOrStdout(), healedText(healed))
		}
		return failed(c.Context(), err)
	}
	return c
}

// healedText is what was found and done, one line each.
func healedText(healed warden.Healed) string {
	var out strings.Builder
	for _, entry := range healed.Undone {
		fmt.Fprintln(&out, "undone   ", entry)
	}
	for _, part := range []struct {
		word  string
		lines []string
	}{{"ended    ", healed.Killed}, {"removed  ", healed.Swept}, {"left alone", healed.Living}, {"damaged  ", healed.Damaged}, {"LEFT     ", healed.Left}} {
		for _, line := range part.lines {
			fmt.Fprintln(&out, part.word, line)
		}
	}
	if healed.Clean() && len(healed.Living) == 0 {
		out.WriteString("nothing was left behind\n")
	}
	return out.String()
}

// heal puts back what is in the ledgers, and then takes away what dead runs left
// whose ledgers are gone. A trace that cannot be looked for is said, and hinders
// nothing: by itself none has any effect.
func (s stateDir) heal(ctx context.Context) (warden.Healed, error) {
	healed, err := warden.Heal(ctx, s.ledgers(), fault.All())
	swept, wrong := fault.Sweep()
	healed.Swept = swept
	if wrong != nil {
		healed.Left = append(healed.Left, wrong.Error())
	}
	return healed, cmp.Or(err, wrong)
}
