package warden

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/fault/faulttest"
	"holdfast/internal/proc"
)

// hook is one whose commands run in the stage's directory.
func (s stage) hook(breaks, mends string) *holdfast.Hook {
	return &holdfast.Hook{Break: breaks, Mend: mends, Dir: s.Dir, Timeout: 20 * time.Second, Lock: filepath.Join(s.Dir, "hook.lock")}
}

// pid waits until a hook has written one.
func (s stage) pid(t *testing.T, name string) int {
	t.Helper()
	pid := 0
	faulttest.Eventually(t, name+" holds a pid", func() bool {
		text, _ := os.ReadFile(filepath.Join(s.Dir, name))
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return pid > 0
	})
	return pid
}

func ended(pid int) bool {
	state, err := proc.State(pid)
	return err != nil || state == "Z"
}

// A break that goes on for ever is the middle of a drill: whoever runs it is
// taken away, and it must not go on breaking.
func TestABreakDoesNotOutliveALostProve(t *testing.T) {
	t.Parallel()
	for _, loss := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		t.Run(loss.String(), func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "obedient")
			s.Fault, s.Victim.Hook = "hook", s.hook("sh -c 'kill -STOP $PID; echo $$$$ > breaking; sleep 300'", "sh -c 'kill -CONT $PID'")
			prove := s.beginProve(t)
			breaking := s.pid(t, "breaking")
			faulttest.Eventually(t, "the fault bites", func() bool { return faulttest.Stopped(s.Victim) })
			if err := syscall.Kill(prove.Process.Pid, loss); err != nil {
				t.Fatal(err)
			}
			faulttest.Eventually(t, "the victim runs again", s.healed)
			faulttest.Eventually(t, "the break has ended", func() bool { return ended(breaking) })
			faulttest.Eventually(t, "the warden is gone", func() bool { return !s.run(t).Warden.alive() })
			if healed, err := Heal(t.Context(), s.Dir, faults()); err != nil || !healed.Clean() {
				t.Errorf("there was work left for heal: %+v, %v", healed, err)
			}
		})
	}
}

// beginProve starts a prove that is still injecting.
func (s stage) beginProve(t *testing.T) *exec.Cmd {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self(), "role-prove", string(text))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd
}

// What a mend starts is the service itself, whoever runs the mend: the warden
// ends all that is left to it of the copy, and not that.
func TestWhatAMendStartsOutlivesTheWarden(t *testing.T) {
	t.Parallel()
	s := newStage(t, "obedient")
	s.Fault, s.Victim.Hook = "hook", s.hook("kill -STOP $PID", "sh -c 'kill -CONT $PID; sleep 300 & echo $$! > service'")
	prove := startProve(t, s)
	prove.Process.Kill()
	service := s.pid(t, "service")
	t.Cleanup(func() { syscall.Kill(service, syscall.SIGKILL) })
	faulttest.Eventually(t, "the warden is gone", func() bool { return !s.run(t).Warden.alive() })
	if !s.healed() || ended(service) {
		t.Errorf("the victim runs again: %v; what the mend started lives: %v", s.healed(), !ended(service))
	}
	if !s.over(true) {
		t.Error("the copy lives on")
	}
}

// A mend may take longer than every other undo, and prove waits for it.
func TestASlowMendIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := newStage(t, "obedient")
	s.Fault, s.Victim.Hook = "hook", s.hook("kill -STOP $PID", "sh -c 'sleep 4; kill -CONT $PID'")
	w := start(t, s)
	if err := strikeVictim(t.Context(), w, s); err != nil {
		t.Fatal(err)
	}
	forced, err := w.Close(t.Context())
	if err != nil || len(forced.Undone) != 1 || len(forced.Left)+len(forced.Killed) > 0 || !s.healed() {
		t.Errorf("forced %+v, %v; the victim runs again: %v", forced, err, s.healed())
	}
}

// A mend that fails is tried once more when the copy is out of its way, and then
// said, and left to heal.
func TestAMendThatFailsIsLeftToHeal(t *testing.T) {
	t.Parallel()
	s := newStage(t, "obedient")
	s.Fault, s.Victim.Hook = "hook", s.hook("kill -STOP $PID", "sh -c 'test -e possible && kill -CONT $PID || { echo not yet >> tries; exit 3; }'")
	prove := startProve(t, s)
	prove.Process.Kill()
	prove.Wait()
	faulttest.Eventually(t, "the warden is gone", func() bool { return !s.run(t).Warden.alive() })
	if tries, _ := os.ReadFile(filepath.Join(s.Dir, "tries")); strings.Count(string(tries), "not yet") != 2 {
		t.Errorf("it was tried: %q", tries)
	}
	healed, err := Heal(t.Context(), s.Dir, faults())
	if err == nil || len(healed.Left) != 1 || !strings.Contains(healed.Left[0], "not yet") && !strings.Contains(healed.Left[0], "exit status 3") {
		t.Errorf("healed %+v, %v", healed, err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "possible"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if healed, err := Heal(t.Context(), s.Dir, faults()); err != nil || len(healed.Undone) != 1 || !s.healed() {
		t.Errorf("healed %+v, %v; the victim runs again: %v", healed, err, s.healed())
	}
	os.Remove(filepath.Join(s.Dir, "run.log")) // it says what could not be put back, as it should
}
