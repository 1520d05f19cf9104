package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"holdfast/compose"
	"holdfast/diagnostic"
	"holdfast/kubernetes"
	"holdfast/source"
)

func initCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "init --from FILE|-", Args: cobra.NoArgs,
		Short: "write a holdfast.yaml from a Compose file or Kubernetes objects",
		Long: "Writes a holdfast.yaml for what already runs: what it could read, and in comments\n" +
			"what it guessed and what is missing. Nothing of it is touched by a drill until\n" +
			"you allow it there. It is printed; --write makes the file, and replaces none.",
	}
	from := c.Flags().String("from", "", "a Compose file, Kubernetes objects, or - for what another command prints")
	as := c.Flags().String("as", "", "read it as this kind, whatever it looks like: compose, kubernetes")
	write := c.Flags().Bool("write", false, "write "+defaultFile+" in this folder")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if *from == "" {
			return exit(exitUsage, errors.New("init needs a file to begin from\n  next: holdfast init --from compose.yaml, or kubectl get deploy,sts,svc -o yaml | holdfast init --from -"))
		}
		file, err := fileToCheck(*from, c.InOrStdin(), c.ErrOrStderr())
		if err != nil {
			return err
		}
		kind, err := kindOf(file, *as)
		if err != nil {
			return err
		}
		begun, err := kind.begin(file, environ())
		fmt.Fprint(c.ErrOrStderr(), file.Show(begun.problems, isTerminal(c.ErrOrStderr())))
		if err != nil {
			return exit(exitUsage, err)
		}
		if *write {
			return writeNew(defaultFile, begun.text, c.ErrOrStderr())
		}
		_, err = io.WriteString(c.OutOrStdout(), begun.text)
		return failed(c.Context(), err)
	}
	return c
}

// A beginning is a holdfast.yaml made from another file, and what is wrong with
// that.
type beginning struct {
	text     string
	problems []diagnostic.Problem
}

func beginFromCompose(file source.File, environ map[string]string) (beginning, error) {
	text, problems, why := compose.Init(file, environ)
	if text == "" {
		return beginning{problems: problems}, errors.New(why)
	}
	return beginning{text: text, problems: problems}, nil
}

func beginFromKubernetes(file source.File, _ map[string]string) (beginning, error) {
	text, problems := kubernetes.Init(file)
	if text == "" {
		return beginning{problems: problems}, fmt.Errorf("%s has no Service that could be asked\n  next: kubectl get deploy,sts,svc -o yaml | holdfast init --from -", file.Name)
	}
	return beginning{text: text, problems: problems}, nil
}

func alreadyOurs(file source.File, _ map[string]string) (beginning, error) {
	return beginning{}, fmt.Errorf("%s is neither a Compose file nor Kubernetes objects\n  next: --as compose or --as kubernetes, if it is one of them", file.Name)
}

// writeNew writes a file that is not there.
func writeNew(name, text string, notices io.Writer) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return exit(exitUsage, fmt.Errorf("there is a %s here, and it is not replaced\n  next: leave out --write, and take from what is printed what you need", name))
	} else if err != nil {
		return exit(exitCouldNot, fmt.Errorf("write %s: %w", name, err))
	}
	_, err = io.WriteString(file, text)
	if err = errors.Join(err, file.Close()); err != nil {
		return exit(exitCouldNot, fmt.Errorf("write %s: %w", name, err))
	}
	fmt.Fprintf(notices, "%s is written; next: read its comments, then holdfast check\n", name)
	return nil
}
