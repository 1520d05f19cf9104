package warden

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"holdfast/fault"
	"holdfast/fault/faulttest"
	"holdfast/internal/proc"
)

// loseBoth takes prove and the warden of a run away at once.
func loseBoth(t *testing.T, s stage, warden syscall.Signal) {
	t.Helper()
	prove := startProve(t, s)
	// The warden first, stopped: it must not see the end of prove.
	first := s.run(t)
	syscall.Kill(first.Warden.Pid, syscall.SIGSTOP)
	faulttest.Eventually(t, "the warden is stopped", func() bool {
		state, err := proc.State(first.Warden.Pid)
		return err == nil && state == "T"
	})
	syscall.Kill(prove.Process.Pid, syscall.SIGKILL)
	prove.Wait()
	if warden == syscall.SIGKILL {
		syscall.Kill(first.Warden.Pid, syscall.SIGKILL)
		faulttest.Eventually(t, "the warden is dead", func() bool { return !first.Warden.alive() })
	}
}

func TestHealPutsBackWhatProveAndWardenLeft(t *testing.T) {
	t.Parallel()
	for _, warden := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		t.Run("warden "+warden.String(), func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "stubborn")
			loseBoth(t, s, warden)
			if !faulttest.Stopped(s.Victim) {
				t.Fatal("somebody healed already; nothing would be shown")
			}
			healed, err := Heal(t.Context(), s.Dir, faults())
			if err != nil || len(healed.Undone) != 1 || len(healed.Killed) < 3 {
				t.Errorf("healed %+v, %v; want one fault undone, keeper and replicas killed", healed, err)
			}
			if !s.healed() || !s.over(false) || s.run(t).Warden.alive() {
				t.Errorf("victim runs: %v; copy over: %v; warden lives: %v", s.healed(), s.over(false), s.run(t).Warden.alive())
			}
			again, err := Heal(t.Context(), s.Dir, faults())
			if err != nil || !again.Clean() {
				t.Errorf("healing twice: %+v, %v; want nothing left to do", again, err)
			}
		})
	}
}

func TestHealLeavesALivingRunAlone(t *testing.T) {
	t.Parallel()
	s := newStage(t, "obedient")
	w := start(t, s)
	if err := strikeVictim(t.Context(), w, s); err != nil {
		t.Fatal(err)
	}
	healed, err := Heal(t.Context(), s.Dir, faults())
	if err != nil || len(healed.Living) != 1 || !healed.Clean() {
		t.Errorf("healed %+v, %v; want the living run named and nothing done", healed, err)
	}
	if !faulttest.Stopped(s.Victim) || s.over(true) {
		t.Error("heal touched a run that goes on")
	}
}

// The warden undid for a prove that was stopped. Only when that is dead can it
// no longer inject, and only then is the ledger closed for good.
func TestAStuckProveIsHealedAgainOnceItIsDead(t *testing.T) {
	t.Parallel()
	s := newStage(t, "obedient")
	prove := startProve(t, s)
	syscall.Kill(prove.Process.Pid, syscall.SIGSTOP)
	first := s.run(t)
	faulttest.Eventually(t, "the warden has put everything back", func() bool { return !first.Warden.alive() })
	// As if prove had woken up right before its injection, and died of it.
	if err := (fault.Stop{}).Inject(t.Context(), s.Victim); err != nil {
		t.Fatal(err)
	}
	syscall.Kill(prove.Process.Pid, syscall.SIGKILL)
	prove.Wait()
	if healed, err := Heal(t.Context(), s.Dir, faults()); err != nil || len(healed.Undone) != 1 || !s.healed() {
		t.Errorf("healed %+v, %v; victim runs: %v", healed, err, s.healed())
	}
}

// writeLedger writes one by hand: a run of long ago whose prove and warden are
// whoever has pid 1 by another start time.
func writeLedger(t *testing.T, boot string, lines ...string) string {
	t.Helper()
	dir := t.TempDir()
	text := fmt.Sprintf(`{"at":"2026-11-21T03:00:00Z","state":"run","run":{"prove":{"pid":1,"ticks":999999999},"warden":{"pid":1,"ticks":999999999},"boot_id":%q}}`+"\n", boot)
	for _, l := range lines {
		text += l
	}
	if err := os.WriteFile(filepath.Join(dir, "run"+Suffix), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func armed(id, pid int, ticks uint64) string {
	return fmt.Sprintf(`{"state":"armed","entry":{"id":%d,"fault":"stop","victim":{"id":{"service":"v","ordinal":1,"incarnation":1},"address":"","pid":%d,"ticks":%d}}}`, id, pid, ticks)
}

// stoppedProcess is one that a person stopped, or a fault.
func stoppedProcess(t *testing.T) Identity {
	t.Helper()
	v := faulttest.Victim(t)
	if err := (fault.Stop{}).Inject(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	return Identity{Pid: v.Pid, Ticks: v.Ticks}
}

func isStopped(t *testing.T, i Identity) bool {
	t.Helper()
	state, err := proc.State(i.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return state == "T"
}

func TestHealLeavesStrangersAlone(t *testing.T) {
	stranger, keeper := stoppedProcess(t), faulttest.Victim(t)
	dir := writeLedger(t, proc.BootID(),
		`{"state":"copy","copy":{"keep":"nobody","dir":"/"}}`+"\n",
		fmt.Sprintf(`{"state":"keeper","keeper":{"pid":%d,"ticks":%d}}`+"\n", keeper.Pid, keeper.Ticks+1),
		armed(1, stranger.Pid, stranger.Ticks+1)+"\n")
	if healed, err := Heal(t.Context(), dir, faults()); err != nil || len(healed.Killed) > 0 {
		t.Errorf("%+v, %v", healed, err)
	}
	if !isStopped(t, stranger) {
		t.Error("a stranger who was given the victim's pid was woken")
	}
	if !proc.Alive(keeper.Pid, keeper.Ticks) {
		t.Error("a stranger who was given the keeper's pid was killed")
	}
}

func TestATornLastLineSaysNothing(t *testing.T) {
	victim, other := stoppedProcess(t), stoppedProcess(t)
	torn := armed(2, other.Pid, other.Ticks)
	dir := writeLedger(t, proc.BootID(), armed(1, victim.Pid, victim.Ticks)+"\n", torn[:len(torn)-7])
	healed, err := Heal(t.Context(), dir, faults())
	if err != nil || len(healed.Undone) != 1 || isStopped(t, victim) {
		t.Errorf("%+v, %v; want the whole entry undone", healed, err)
	}
	if !isStopped(t, other) {
		t.Error("an entry that was never whole was acted on")
	}
	if again, err := Heal(t.Context(), dir, faults()); err != nil || !again.Clean() {
		t.Errorf("the torn line spoiled what was written after it: %+v, %v", again, err)
	}
}

func TestADamagedMiddleIsSaidAndTheRestUndone(t *testing.T) {
	victim := stoppedProcess(t)
	for _, damage := range []string{"\x00\x00\x00", `{"state":"armed"}`, `{"state":"undone","id":7}`, `{"state":"wished"}`, "{}"} {
		syscall.Kill(victim.Pid, syscall.SIGSTOP)
		faulttest.Eventually(t, "the victim is stopped", func() bool { return isStopped(t, victim) })
		dir := writeLedger(t, proc.BootID(), damage+"\n", armed(1, victim.Pid, victim.Ticks)+"\n")
		healed, err := Heal(t.Context(), dir, faults())
		if err == nil || len(healed.Damaged) != 1 || len(healed.Undone) != 1 || isStopped(t, victim) {
			t.Errorf("%q: %+v, %v; want the damage said and the entry undone", damage, healed, err)
		}
	}
}

func TestAFaultThatCannotBeUndoneStaysOpen(t *testing.T) {
	victim := stoppedProcess(t)
	dir := writeLedger(t, proc.BootID(), armed(1, victim.Pid, victim.Ticks)+"\n")
	healed, err := Heal(t.Context(), dir, nil)
	if err == nil || len(healed.Left) != 1 {
		t.Errorf("%+v, %v; want to be told that nobody knows the fault", healed, err)
	}
	if healed, err := Heal(t.Context(), dir, faults()); err != nil || len(healed.Undone) != 1 || isStopped(t, victim) {
		t.Errorf("%+v, %v; want it undone once it can be", healed, err)
	}
}

func TestAfterARebootThereIsNothingToUndo(t *testing.T) {
	stranger := stoppedProcess(t)
	dir := writeLedger(t, "another boot", armed(1, stranger.Pid, stranger.Ticks)+"\n")
	if healed, err := Heal(t.Context(), dir, faults()); err != nil || !healed.Clean() {
		t.Errorf("%+v, %v", healed, err)
	}
	if !isStopped(t, stranger) {
		t.Error("undid a fault of another boot")
	}
}

// The machine lost power while the file's own command had something stopped that
// does not come back by itself.
func TestWhatACommandBrokeIsMendedAfterAReboot(t *testing.T) {
	bystander := faulttest.Victim(t)
	hooked := func(id, pid int, service string) string {
		return fmt.Sprintf(`{"state":"armed","entry":{"id":%d,"fault":"hook","victim":{"id":{"service":%q,"ordinal":1,"incarnation":1},"address":"","pid":%d,"hook":{"break":"false","mend":"touch $REPLICA","dir":"DIR","timeout":10000000000}}}}`+"\n", id, service, pid)
	}
	dir := writeLedger(t, "another boot",
		fmt.Sprintf(`{"state":"keeper","keeper":{"pid":%d,"ticks":%d}}`+"\n", bystander.Pid, bystander.Ticks),
		hooked(1, 0, "broken"), hooked(2, 0, "mended"), hooked(3, bystander.Pid, "copy"), `{"state":"undone","id":2}`+"\n")
	path := filepath.Join(dir, "run"+Suffix)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.ReplaceAll(string(text), "DIR", dir))
	text = []byte(strings.Replace(string(text), `"warden":{"pid":1,"ticks":999999999}`, fmt.Sprintf(`"warden":{"pid":%d,"ticks":%d}`, bystander.Pid, bystander.Ticks), 1))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	healed, err := Heal(t.Context(), dir, fault.All())
	if err != nil || len(healed.Undone) != 1 || len(healed.Killed) > 0 {
		t.Errorf("%+v, %v; want the one that was not undone mended", healed, err)
	}
	for name, want := range map[string]bool{"broken-1": true, "mended-1": false, "copy-1": false} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("mended %s: %v, want %v", name, err == nil, want)
		}
	}
	if !proc.Alive(bystander.Pid, bystander.Ticks) {
		t.Error("who was given a pid of the last boot was ended")
	}
	if again, err := Heal(t.Context(), dir, fault.All()); err != nil || !again.Clean() {
		t.Errorf("%+v, %v; want nothing left to do", again, err)
	}
}

// A state directory is used by one run after the other, and so is its mark.
func TestHealSparesACopyThatTookOverTheMark(t *testing.T) {
	t.Parallel()
	s := newStage(t, "obedient")
	start(t, s)
	old := writeLedger(t, proc.BootID(), fmt.Sprintf(`{"state":"copy","copy":{"keep":%q,"dir":"/"}}`+"\n", s.Keep))
	if err := os.Rename(filepath.Join(old, "run"+Suffix), filepath.Join(s.Dir, "old"+Suffix)); err != nil {
		t.Fatal(err)
	}
	if healed, err := Heal(t.Context(), s.Dir, faults()); err != nil || !healed.Clean() || len(healed.Living) != 1 {
		t.Errorf("%+v, %v; want the living copy left alone", healed, err)
	}
	if len(marked(s.Keep)) < 2 {
		t.Error("a living run's copy was killed for an old run with the same mark")
	}
}

func TestNoLedgersNothingToHeal(t *testing.T) {
	if healed, err := Heal(t.Context(), filepath.Join(t.TempDir(), "none"), faults()); err != nil || !healed.Clean() {
		t.Errorf("%+v, %v", healed, err)
	}
}

func TestOldLedgersAreForgotten(t *testing.T) {
	dir := t.TempDir()
	for i := range keptLedgers + 7 {
		text := fmt.Sprintf(`{"at":"2026-11-21T03:%02d:00Z","state":"run","run":{"prove":{"pid":1,"ticks":2},"warden":{"pid":1,"ticks":2},"boot_id":"another"}}`+"\n", i)
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(100-i)+Suffix), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Heal(t.Context(), dir, faults()); err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(left) != keptLedgers {
		t.Errorf("%d ledgers are left, %v; want %d", len(left), err, keptLedgers)
	}
	if _, err := os.Stat(filepath.Join(dir, "100"+Suffix)); err == nil {
		t.Error("the oldest was kept")
	}
}
