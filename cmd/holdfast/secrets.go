package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"holdfast"
	"holdfast/host"
)

// secretsOf are what the way to people has to look up, each once: channels, the address
// of the heartbeat, and of the links.
func secretsOf(on holdfast.OnCall) []holdfast.Secret {
	var all []holdfast.Secret
	add := func(hidden holdfast.Secret, is bool) {
		if is && hidden != "" && !slices.Contains(all, hidden) {
			all = append(all, hidden)
		}
	}
	for _, c := range on.Channels {
		hidden, is := c.Address.Secret()
		add(hidden, is && c.Kind != holdfast.ChannelCommand)
		add(c.Secret, true)
	}
	add(on.Heartbeat.Secret())
	add(holdfast.Place(on.URL).Secret())
	return all
}

// secretsThere says which of them cannot be looked up: they are needed at three in the
// morning, and lost by day.
func secretsThere(on holdfast.OnCall) error {
	var lost []string
	for _, hidden := range secretsOf(on) {
		if _, err := secret(hidden); err != nil {
			lost = append(lost, err.Error())
		}
	}
	if len(lost) == 0 {
		return nil
	}
	return errors.New(strings.Join(lost, "; "))
}

// secretFacts are the files of secrets, and who else reads them. What is in the
// environment of `up` is not seen from here.
func secretFacts(on holdfast.OnCall) []host.Fact {
	facts := []host.Fact{}
	for _, hidden := range secretsOf(on) {
		path, ok := strings.CutPrefix(string(hidden), "file:")
		if !ok {
			continue
		}
		f := host.Fact{Name: path, Good: true, Says: "there"}
		info, err := os.Stat(path)
		if err == nil {
			_, err = secret(hidden)
		}
		switch {
		case err != nil:
			f.Good, f.Says, f.Next = false, err.Error(), "write it, or correct the file that names it: nobody is told through its channel"
		case info.Mode().Perm()&0o007 != 0:
			f.Good, f.Says, f.Next = false, fmt.Sprintf("everybody on this machine may read or write it (%s)", info.Mode().Perm()), "chmod o= "+path
		}
		facts = append(facts, f)
	}
	return facts
}
