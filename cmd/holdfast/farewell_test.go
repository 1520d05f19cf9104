//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// belled is a pair whose crash nobody mends, and of which ana hears by a bell.
const belled = `name: pair
owner: web
owners: {web: [ana]}
people:
  ana: {contacts: [{via: bell}]}
channels:
  bell: {command: sh ring.sh}
services:
  cart:
    command: ./holdfast toy cart
    replicas: 2
    ports: ["8080"]
    failure_modes: {crash: {remedies: []}}
`

// belledPair is such a pair of which ana has heard that it is bad.
func belledPair(t *testing.T, ring string) *system {
	t.Helper()
	s := newSystem(t, belled)
	s.write("ring.sh", ring)
	s.detached()
	s.strike(s.whole()["cart-1"], syscall.SIGKILL)
	await(t, "ana is told", func() bool { return strings.Contains(s.run("events").stdout, "/ana/bell/trigger in ") })
	return s
}

// TestDownWaitsUntilPeopleKnowThatItIsOver stops a system while somebody is needed
// for it. The bell takes longer to say that it is over than all the rest to end.
func TestDownWaitsUntilPeopleKnowThatItIsOver(t *testing.T) {
	t.Parallel()
	s := belledPair(t, `[ "$HOLDFAST_PURPOSE" = trigger ] || sleep 2
echo "$HOLDFAST_PURPOSE $HOLDFAST_KEY" >> rung
`)
	s.run("down").exits(0).tells("1 message is still being sent", "nothing of it runs any more")
	if rung := s.rung(); strings.Count(rung, "resolve ") != 1 {
		t.Errorf("it has ended, and the bell has said:\n%s", rung)
	}
	s.isGone()
	s.run("incidents", "show", s.onlyIncident()).exits(0).tells("resolve ana via bell delivered")
	s.run("incidents").exits(0).tells("over, not closed")
}

// TestWhatDownCouldNotSendGoesOutAtTheNextUp has the bell refuse for now, as a
// provider that is being restarted.
func TestWhatDownCouldNotSendGoesOutAtTheNextUp(t *testing.T) {
	t.Parallel()
	s := belledPair(t, `[ -e dead ] && exit 75
echo "$HOLDFAST_PURPOSE $HOLDFAST_KEY" >> rung
`)
	s.write("dead", "")
	s.run("down").exits(0).tells("not sent: resolve of 20", "to ana via bell", "goes out at the next holdfast up")
	s.isGone()
	s.must(os.Remove(filepath.Join(s.dir, "dead")))
	s.detached()
	await(t, "ana is told that it is over", func() bool { return strings.Contains(s.rung(), "resolve ") })
	await(t, "it is known", func() bool { return strings.Contains(s.run("events").stdout, "/ana/bell/resolve in ") })
	if said := s.run("down").exits(0); strings.Contains(said.all(), "not sent") {
		t.Errorf("nothing is owed any more, and it says:\n%s", said.all())
	}
}

// TestAnAgentThatDiesWhileItSaysFarewellIsFollowedByOneThatDoes: who is told is told,
// and all ends.
func TestAnAgentThatDiesWhileItSaysFarewellIsFollowedByOneThatDoes(t *testing.T) {
	t.Parallel()
	s := belledPair(t, `if [ "$HOLDFAST_PURPOSE" = resolve ]; then
  [ -e trying ] || { touch trying; exec sleep 4; }
fi
echo "$HOLDFAST_PURPOSE $HOLDFAST_KEY" >> rung
`)
	r := s.start("down")
	await(t, "the bell is trying", func() bool { return s.holds("trying") })
	s.strike(s.roleAt("agent"), syscall.SIGKILL)
	r.ends().exits(0).tells("nothing of it runs any more")
	if rung := s.rung(); !strings.Contains(rung, "resolve ") {
		t.Errorf("it has ended, and the bell has said:\n%s", rung)
	}
	s.isGone()
}
