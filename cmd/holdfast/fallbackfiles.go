package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"holdfast"
	"holdfast/gateway"
)

// unanswerable are the files of fallbacks and certificates that a gateway could
// not answer or read, by path, and why. One that may not be looked at here may be readable where the
// system runs, and is passed over.
func unanswerable(system *holdfast.System) map[string]string {
	found := map[string]string{}
	for _, service := range system.Services {
		for _, dependency := range service.DependsOn {
			if f := dependency.Fallback; f != nil && f.File != "" {
				note(found, f.File, flawOf(f.File))
			}
		}
	}
	for _, route := range system.Gateway.Routes {
		if f := route.Fallback; f != nil && f.File != "" {
			note(found, f.File, flawOf(f.File))
		}
	}
	for _, one := range system.Gateway.TLS {
		note(found, one.Chain, flawOf(one.Chain))
		note(found, one.Key, flawOf(one.Key))
	}
	return found
}

// note adds what is wrong with a file, if anything is.
func note(found map[string]string, path, why string) {
	if why != "" {
		found[path] = why
	}
}

func flawOf(path string) string {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file"
	case err != nil:
		return ""
	case info.IsDir():
		return "this is a directory"
	case !info.Mode().IsRegular():
		return "this is no ordinary file"
	case info.Size() > gateway.MaxFallback:
		return fmt.Sprintf("%d bytes, and at most %d are answered", info.Size(), gateway.MaxFallback)
	default:
		return ""
	}
}
