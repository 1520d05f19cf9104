//go:build !linux

package role

import "os"

func itself() (string, error) { return os.Executable() }
