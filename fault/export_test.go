package fault

import (
	"testing"

	"holdfast"
)

// Half makes an out-of-memory kill as far as it is when its injector is killed: the
// victim is in its group, and the kernel's choice. It says which group.
func Half(t *testing.T, victim holdfast.Victim) string {
	t.Helper()
	was, err := scoreOf(victim)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := OOM{}.part().split(victim, was, func(string, int) error { return nil })
	if err == nil {
		err = OOM{}.part().gather(dir, victim)
	}
	if err == nil {
		err = setScore(victim, killedFirst)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
