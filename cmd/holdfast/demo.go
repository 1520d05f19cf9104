package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/examples/shop"
	"holdfast/prove"
	"holdfast/report"
)

// demoModes are what the demo drills, in this order: of each kind of failure
// several, of every service some, and every edge. All of them would take a
// minute longer and show nothing else.
func demoModes() []string {
	return []string{
		"storefront.crash", "storefront.hang",
		"catalog.crash", "catalog.hang", "catalog.slow", "catalog.errors", "catalog.partition",
		"cart.crash", "cart.hang", "cart.slow", "cart.errors", "cart.partition",
		"payments.crash", "payments.errors", "payments.partition",
		"recommendations.crash", "recommendations.hang", "recommendations.slow",
		"storefront/catalog.loss", "cart/payments.loss", demoFails,
	}
}

// demoFails is the one that fails, and demoFix what mends it: the file says that
// the storefront can do without recommendations, and the storefront cannot.
const (
	demoFails  = "storefront/recommendations.loss"
	demoBroken = "      recommendations: {required: false}\n"
	demoFixed  = "      recommendations:\n        required: false\n        fallback: {json: []}\n"
)

func demoCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "demo", Args: cobra.NoArgs,
		Short: "see one failure break a promise, mend the file, see it hold",
		Long:  "Runs a small shop of real processes in a folder of its own, breaks it in some twenty\nways under load, and shows what users saw; then changes two lines and proves again\nwhat failed. It takes about two minutes and leaves nothing behind.\n\nWith --incident it shows instead what happens when no remedy may act: somebody is\ncalled. That takes a minute, and what is written of it is kept to read.",
	}
	brief := c.Flags().Bool("brief", false, "drill only what fails and one more, half a minute in all")
	incident := c.Flags().Bool("incident", false, "have somebody called instead, and keep what was written of it; a minute")
	c.MarkFlagsMutuallyExclusive("brief", "incident")
	keep := c.Flags().Bool("keep", false, "leave the folder, to look at or to start from")
	c.RunE = func(c *cobra.Command, _ []string) error {
		dir, err := demoFolder()
		if err != nil {
			return exit(exitCouldNot, err)
		}
		p := proving{out: c.OutOrStdout(), notices: c.ErrOrStderr(), options: prove.Options{Rate: 200, Repeat: 1, Seed: 8812}}
		err = demoOf(c.Context(), p, dir, *brief, *incident)
		if *keep || *incident && err == nil {
			fmt.Fprintln(c.ErrOrStderr(), "kept:", dir)
		} else {
			os.RemoveAll(dir)
		}
		return err
	}
	return c
}

// demoOf is one of the demo's stories.
func demoOf(ctx context.Context, p proving, dir string, brief, incident bool) error {
	modes := demoModes()
	switch {
	case incident:
		return demoIncident(ctx, p, dir)
	case brief:
		modes = modes[len(modes)-2:]
	}
	return demo(ctx, p, dir, modes)
}

// demoFolder makes a folder in which the file's commands find this program.
func demoFolder() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "holdfast-demo-")
	if err != nil {
		return "", err
	}
	return dir, os.Symlink(self, filepath.Join(dir, "holdfast"))
}

// demo proves the shop, which fails honestly, mends it, and proves again what
// failed.
func demo(ctx context.Context, p proving, dir string, modes []string) error {
	file := filepath.Join(dir, defaultFile)
	fmt.Fprintf(p.out, "A shop, in one file:\n\n%s\n", indent(shop.File))
	fmt.Fprintf(p.out, "What do users see when its parts crash, hang, answer slowly or with errors, cannot be\nreached or are gone altogether, while 200 requests a second come in? %d drills:\n\n", len(modes))
	if err := p.demoProof(ctx, file, shop.File, holdfast.Fail, modes...); err != nil {
		return err
	}
	mended := strings.Replace(shop.File, demoBroken, demoFixed, 1)
	fmt.Fprintf(p.out, "\nThe file says that the storefront can do without recommendations, and that is not true:\nits pages failed with them. Two lines let the gateway answer in their place:\n\n%s\n", difference(demoBroken, demoFixed))
	if err := p.demoProof(ctx, file, mended, holdfast.Pass, demoFails); err != nil {
		return err
	}
	fmt.Fprint(p.out, "\nThe same loss, and no user felt it. Next: holdfast demo --incident shows whom it calls when\nnothing may mend itself. Or write your own holdfast.yaml, then holdfast check, holdfast up\nand holdfast prove. The shop is in examples/shop.\n")
	return nil
}

// demoProof proves some modes of a text and insists on the verdict the story
// needs, and that what fails is what the story tells of: a demo that shows
// something else must not exit as if it had not.
func (p proving) demoProof(ctx context.Context, file, text string, want holdfast.Verdict, modes ...string) error {
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return exit(exitCouldNot, err)
	}
	run, err := p.file(ctx, file, modes)
	if err != nil {
		return err
	}
	if run.Verdict == want && onlyFails(run, demoFails) {
		return nil
	}
	if err := verdictError(ctx, run); err != nil {
		return err
	}
	return exit(exitFound, fmt.Errorf("the demo should have ended %s here and ended %s: please report it", want, run.Verdict))
}

// onlyFails tells whether no drill failed but those of one mode. A machine that
// was too busy to decide one of twenty has not shown that the shop is broken.
func onlyFails(run report.Run, mode holdfast.ModeName) bool {
	return !slices.ContainsFunc(run.Drills, func(d report.Drill) bool { return d.Mode != mode && d.Verdict == holdfast.Fail })
}

// difference shows lines that are taken out and lines that come in their place.
func difference(out, in string) string {
	var text strings.Builder
	for line := range strings.Lines(out) {
		text.WriteString("    -" + line)
	}
	for line := range strings.Lines(in) {
		text.WriteString("    +" + line)
	}
	return text.String()
}

func indent(text string) string {
	return "    " + strings.TrimRight(strings.ReplaceAll(text, "\n", "\n    "), " ")
}
