package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"holdfast/diagnostic"
)

func initCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "init --from FILE|-", Args: cobra.NoArgs,
		Short: "write a holdfast.yaml from a file that you have",
		Long: "Reads a Compose file or Kubernetes objects and prints a holdfast.yaml for what\n" +
			"they run, as a beginning: what was guessed carries a comment. - is what another\n" +
			"command prints. --write makes the file, and never overwrites one.",
	}
	var o initOptions
	c.Flags().StringVar(&o.from, "from", "", "the file to read, or -")
	asFlag(c, &o.as)
	c.Flags().BoolVar(&o.write, "write", false, "write "+defaultFile+" instead of printing it")
	c.RunE = func(c *cobra.Command, _ []string) error { return runInit(c, o) }
	return c
}

// initOptions are how init was asked.
type initOptions struct {
	from, as string
	write    bool
}

func runInit(c *cobra.Command, o initOptions) error {
	var text string
	err := untilInterrupted(c.Context(), func() (err error) {
		text, err = begin(c, o)
		if err != nil || o.write {
			return err
		}
		_, err = io.WriteString(c.OutOrStdout(), text)
		return failedToPrint(err)
	})
	if err != nil || !o.write {
		return err
	}
	if err := writeNew(defaultFile, text); err != nil {
		return err
	}
	fmt.Fprintf(c.ErrOrStderr(), "wrote %s, %s\n  next: read its comments, then holdfast check\n", defaultFile, diagnostic.Count(strings.Count(text, "\n"), "line"))
	return nil
}

// begin is the text of a holdfast.yaml for the file that was named.
func begin(c *cobra.Command, o initOptions) (string, error) {
	if o.from == "" {
		return "", exit(exitUsage, errors.New("init reads a file that you have, and none is named\n  next: holdfast init --from compose.yaml"))
	}
	file, err := fileToCheck(o.from, c.InOrStdin(), c.ErrOrStderr())
	if err != nil {
		return "", err
	}
	kind, err := kindOf(file, o.as)
	if err != nil {
		return "", err
	}
	if kind.begin == nil {
		return "", exit(exitUsage, fmt.Errorf("%s is no Compose file and holds no Kubernetes objects\n  next: holdfast check %s, or say what it is with --as", file.Name, o.from))
	}
	begun := kind.begin(file, environ())
	if begun.text == "" {
		fmt.Fprint(c.ErrOrStderr(), file.Show(begun.problems, isTerminal(c.ErrOrStderr())))
		return "", exit(exitUsage, errors.New(begun.why))
	}
	return begun.text, nil
}

// writeNew makes a file, whole or not at all.
func writeNew(path, text string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return exit(exitUsage, fmt.Errorf("there is a %s already, and it is not overwritten\n  next: leave --write out, and compare", path))
	}
	if err != nil {
		return exit(exitCouldNot, fmt.Errorf("write %s: %w", path, err))
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Close()); err != nil {
		return exit(exitCouldNot, errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(path)))
	}
	return nil
}
