package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/prove"
)

// The demo's shop. Its services are real processes, and take as long to start as
// a quick real service does; cart has one replica.
const demoFile = `name: shop
owner: shop-team
promise: 99.9%
services:
  storefront:
    command: ./holdfast toy storefront --start-delay 300ms
    replicas: 2
    ports: ["8080"]
    depends_on: [catalog, cart]
  catalog:
    command: ./holdfast toy catalog --start-delay 300ms
    replicas: 2
  cart:
    command: ./holdfast toy cart --start-delay 300ms
    replicas: 1
`

func demoCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "demo", Args: cobra.NoArgs,
		Short: "see one failure break a promise, mend the file, see it hold",
		Long:  "Runs a small shop of real processes in a folder of its own, kills one replica of\neach service under load, and shows what users saw; then changes one line and\nproves again. It takes less than a minute and leaves nothing behind.",
	}
	keep := c.Flags().Bool("keep", false, "leave the folder, to look at or to start from")
	c.RunE = func(c *cobra.Command, _ []string) error {
		dir, err := demoFolder()
		if err != nil {
			return exit(exitCouldNot, err)
		}
		if *keep {
			defer fmt.Fprintln(c.ErrOrStderr(), "kept:", dir)
		} else {
			defer os.RemoveAll(dir)
		}
		p := proving{out: c.OutOrStdout(), notices: c.ErrOrStderr(), options: prove.Options{Rate: 200, Repeat: 1, Seed: 8812}}
		return demo(c.Context(), p, dir)
	}
	return c
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

// demo proves the shop, which fails honestly, mends it and proves it again.
func demo(ctx context.Context, p proving, dir string) error {
	file := filepath.Join(dir, defaultFile)
	fmt.Fprintf(p.out, "A shop, in one file:\n\n%s\n", indent(demoFile))
	fmt.Fprint(p.out, "What happens when a replica is killed while 200 requests a second come in?\n\n")
	if err := p.demoProof(ctx, file, demoFile, holdfast.Fail); err != nil {
		return err
	}
	mended := strings.Replace(demoFile, "replicas: 1", "replicas: 2", 1)
	fmt.Fprint(p.out, "\nUsers saw the crash of cart: it has one replica. One line changes that:\n\n       cart:\n         command: ./holdfast toy cart --start-delay 300ms\n    -    replicas: 1\n    +    replicas: 2\n\n")
	if err := p.demoProof(ctx, file, mended, holdfast.Pass); err != nil {
		return err
	}
	fmt.Fprint(p.out, "\nThe same crash, and no user saw it. Next: write your own holdfast.yaml, then\nholdfast check, holdfast up and holdfast prove.\n")
	return nil
}

// demoProof proves a text and insists on the verdict the story needs: a demo
// that shows something else must not exit as if it had not.
func (p proving) demoProof(ctx context.Context, file, text string, want holdfast.Verdict) error {
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return exit(exitCouldNot, err)
	}
	run, err := p.file(ctx, file, nil)
	if err != nil {
		return err
	}
	if run.Verdict == want {
		return nil
	}
	if err := verdictError(ctx, run); err != nil {
		return err
	}
	return exit(exitFound, fmt.Errorf("the demo should have ended %s here and ended %s: please report it", want, run.Verdict))
}

func indent(text string) string {
	return "    " + strings.TrimRight(strings.ReplaceAll(text, "\n", "\n    "), " ")
}
