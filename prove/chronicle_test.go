package prove

import (
	"reflect"
	"testing"

	"holdfast"
	"holdfast/event"
)

// reads is a chronicle that has read these entries.
func reads(bodies ...event.Body) *chronicle {
	c := newChronicle()
	for i, body := range bodies {
		_ = c.take(event.Entry{ID: event.ID{Writer: "agent", Seq: uint64(i + 1)}, Body: body})
	}
	return c
}

func started(name string) holdfast.Started {
	return holdfast.Started{ID: id(name), Address: "127.0.0.1:1", Pid: 12}
}

func again(name string) holdfast.Started {
	s := started(name)
	s.Adopted = true
	return s
}

func admitted(name string) holdfast.Admitted { return holdfast.Admitted{ID: id(name)} }

func TestWhoIsMissing(t *testing.T) {
	type names = []holdfast.ReplicaName
	system := &holdfast.System{Services: []holdfast.Service{{Name: "catalog", Replicas: 2}}}
	exited := holdfast.Exited{ID: id("catalog-2#1")}
	for story, c := range map[string]struct {
		read []event.Body
		want names
	}{
		"nothing was read yet":                 {nil, names{"catalog-1", "catalog-2"}},
		"both run and one is used":             {[]event.Body{started("catalog-1#1"), started("catalog-2#1"), admitted("catalog-1#1")}, names{"catalog-2"}},
		"both are used":                        {[]event.Body{started("catalog-1#1"), started("catalog-2#1"), admitted("catalog-1#1"), admitted("catalog-2#1")}, nil},
		"one exits":                            {[]event.Body{started("catalog-1#1"), started("catalog-2#1"), admitted("catalog-1#1"), admitted("catalog-2#1"), exited}, names{"catalog-2"}},
		"its next life is not used yet":        {[]event.Body{started("catalog-1#1"), admitted("catalog-1#1"), started("catalog-2#1"), admitted("catalog-2#1"), exited, started("catalog-2#2")}, names{"catalog-2"}},
		"its next life is used":                {[]event.Body{started("catalog-1#1"), admitted("catalog-1#1"), started("catalog-2#1"), exited, started("catalog-2#2"), admitted("catalog-2#2")}, nil},
		"a late word of the dead":              {[]event.Body{started("catalog-1#1"), admitted("catalog-1#1"), started("catalog-2#2"), admitted("catalog-2#2"), exited, holdfast.Ejected{ID: id("catalog-2#1")}}, nil},
		"it is ejected":                        {[]event.Body{started("catalog-1#1"), admitted("catalog-1#1"), started("catalog-2#1"), admitted("catalog-2#1"), holdfast.Ejected{ID: id("catalog-2#1")}}, names{"catalog-2"}},
		"it looks bad and is kept as the last": {[]event.Body{started("catalog-1#1"), admitted("catalog-1#1"), started("catalog-2#1"), admitted("catalog-2#1"), holdfast.Ejected{ID: id("catalog-2#1"), Kept: true}}, nil},
		"an agent wakes and tells of the living, the gateway first": {
			[]event.Body{started("catalog-1#1"), admitted("catalog-1#1"), started("catalog-2#1"), admitted("catalog-2#1"), event.Woken{}, admitted("catalog-2#1"), again("catalog-2#1"), again("catalog-1#1")}, nil,
		},
		"an agent wakes and tells of an old life": {
			[]event.Body{started("catalog-1#1"), admitted("catalog-1#1"), started("catalog-2#2"), admitted("catalog-2#2"), again("catalog-2#1")}, nil,
		},
	} {
		if got := reads(c.read...).missing(system); !reflect.DeepEqual(names(got), c.want) {
			t.Errorf("%s: %v are missing, want %v", story, got, c.want)
		}
	}
}

func TestWhatShouldRunIsKnown(t *testing.T) {
	c := reads(started("catalog-1#1"), started("catalog-1#2"))
	for mark, want := range map[string]bool{"catalog-1#2": true, "catalog-1#1": false, "catalog-2#1": false, "agent": true, "gateway": true, "load": true} {
		if c.knows(mark) != want {
			t.Errorf("%s is known: %t", mark, !want)
		}
	}
}

func TestTheChronicleGoesOnWhereItStopped(t *testing.T) {
	c := reads()
	if c.last() != 0 || c.escalated() {
		t.Error("something is known of nothing")
	}
	c = reads(started("catalog-1#1"), event.Escalated{Mode: "catalog.crash"})
	if c.last() != 2 || !c.escalated() {
		t.Errorf("last %d, escalated %t", c.last(), c.escalated())
	}
	before := c.all()
	_ = c.take(event.Entry{ID: event.ID{Writer: "agent", Seq: 3}, Body: admitted("catalog-1#1")})
	if len(before) != 2 || len(c.all()) != 3 {
		t.Errorf("%d entries were %d before", len(c.all()), len(before))
	}
	if l, ok := c.life("catalog-1"); !ok || !l.admitted || l.started.Pid != 12 {
		t.Errorf("life %+v", l)
	}
}

// What runs once is there when it has ended well, and not before.
func TestWhatRunsOnceIsMissingUntilItIsCompleted(t *testing.T) {
	system := &holdfast.System{Services: []holdfast.Service{{Name: "migrate", Replicas: 1, Once: true}}}
	for want, c := range map[int]*chronicle{
		0: reads(started("migrate-1#1"), holdfast.Exited{ID: id("migrate-1#1")}),
		1: reads(started("migrate-1#1")),
		2: reads(started("migrate-1#1"), holdfast.Exited{ID: id("migrate-1#1"), Status: holdfast.ExitStatus{Code: 1}}),
		3: reads(started("migrate-1#1"), holdfast.Exited{ID: id("migrate-1#1"), Status: holdfast.ExitStatus{Unknown: true}}),
	} {
		if missing := c.missing(system); (len(missing) == 0) != (want == 0) {
			t.Errorf("story %d: missing %v", want, missing)
		}
	}
}
