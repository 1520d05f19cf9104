//go:build !linux

package fault

import "holdfast"

const errNoPacketFilter = holdfast.Refusal("dropping packets by rules that lapse needs Linux")

func lay(filter) error { return errNoPacketFilter }

func extend(string) error { return errNotInForce }

func remove(string) error { return nil }

func tables(string) ([]string, error) { return nil, nil }

func inscription(string) string { return "" }

func ourselves() (owner, error) { return owner{}, errNoPacketFilter }

func needsPacketFilter() (why, next string) {
	return string(errNoPacketFilter), "drill it on a Linux host or in a Linux virtual machine"
}
