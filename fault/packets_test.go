package fault_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
	"holdfast/fault"
	"holdfast/fault/faulttest"
)

// needsPackets skips where the kernel does not let us drop packets.
func needsPackets(t *testing.T) {
	t.Helper()
	if why, _ := fault.Possible("blackhole"); why != "" {
		t.Skip(why)
	}
}

func left(t *testing.T, victim holdfast.Victim) []string {
	t.Helper()
	names, err := fault.Tables(victim.Proxy)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// TestWhatLapsedIsATraceAndNoMore: the kernel withdraws the effect, what stays is
// listed as left, of its own run and no other, and undone like the fault itself.
func TestWhatLapsedIsATraceAndNoMore(t *testing.T) {
	needsPackets(t)
	t.Parallel()
	both := append(faulttest.InPaths(t, 1), faulttest.InPaths(t, 1)...)
	victim, stranger := both[0], both[1]
	if victim.ID != stranger.ID || victim.Proxy == stranger.Proxy {
		t.Fatalf("two runs with the same victim are wanted: %+v, %+v", victim, stranger)
	}
	effect := faulttest.Effects()["blackhole"]
	for _, v := range both {
		if err := fault.Blackhole().Inject(t.Context(), v); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { fault.Blackhole().Undo(context.Background(), v) })
	}
	began := time.Now()
	if err := fault.Blackhole().Undo(t.Context(), stranger); err != nil || len(left(t, stranger)) > 0 || !effect.Healed(stranger) {
		t.Errorf("undone, there is left: %q, %v", left(t, stranger), err)
	}
	if names := left(t, victim); len(names) != 1 || !effect.Bitten(victim) {
		t.Errorf("the undo of one run reached another: %q", names)
	}
	faulttest.Eventually(t, "it lapses", func() bool { return effect.Healed(victim) })
	if took := time.Since(began); took > holdfast.Lease+2*time.Second {
		t.Errorf("open %v after it was made, the lease is %v", took, holdfast.Lease)
	}
	if names := left(t, victim); len(names) != 1 {
		t.Errorf("left: %q, want the table without effect", names)
	}
	if swept, err := fault.Sweep(); err != nil || slices.ContainsFunc(swept, func(s string) bool { return slices.Contains(left(t, victim), s) }) || len(left(t, victim)) != 1 {
		t.Errorf("swept %q although its maker lives, %v", swept, err)
	}
	if err := fault.Blackhole().Undo(t.Context(), victim); err != nil || len(left(t, victim)) > 0 {
		t.Errorf("after its undo: %q, %v", left(t, victim), err)
	}
}

// TestASweepTakesAwayWhatTheDeadLeft, when nobody has a ledger of it.
func TestASweepTakesAwayWhatTheDeadLeft(t *testing.T) {
	needsPackets(t)
	t.Parallel()
	victim := faulttest.InPaths(t, 1)[0]
	faulttest.InjectElsewhere(t, "lossy", victim)
	if names := left(t, victim); len(names) != 1 {
		t.Fatalf("another process injected and is gone, there is left: %q", names)
	}
	swept, err := fault.Sweep()
	if err != nil || len(left(t, victim)) > 0 {
		t.Errorf("swept %q, %v; left: %q", swept, err, left(t, victim))
	}
}

// TestNothingThatIsNotOursIsTouched: a table that begins like one of ours and
// says nothing of who made it.
func TestNothingThatIsNotOursIsTouched(t *testing.T) {
	needsPackets(t)
	nft, err := exec.LookPath("nft")
	if err != nil {
		t.Skip("needs nft to be a stranger")
	}
	t.Parallel()
	const table = "holdfast_of_a_stranger"
	rules := "table ip " + table + " { chain drops { counter comment \"x\"; }; }"
	if out, err := exec.Command(nft, rules).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	defer exec.Command(nft, "delete", "table", "ip", table).Run()
	victim := faulttest.InPaths(t, 1)[0]
	for _, f := range []holdfast.Leased{fault.Blackhole(), fault.OneWay(), fault.Lossy()} {
		if err := f.Inject(t.Context(), victim); err != nil {
			t.Fatal(err)
		}
		if err := f.Undo(t.Context(), victim); err != nil {
			t.Fatal(err)
		}
	}
	if swept, err := fault.Sweep(); err != nil || slices.ContainsFunc(swept, func(s string) bool { return strings.HasSuffix(s, table) }) {
		t.Errorf("swept %q, %v", swept, err)
	}
	if out, err := exec.Command(nft, "list", "table", "ip", table).CombinedOutput(); err != nil || !strings.Contains(string(out), "comment \"x\"") {
		t.Errorf("the stranger's table: %v, %s", err, out)
	}
}

// TestWhoMayNotDropPacketsIsToldBefore runs as nobody.
func TestWhoMayNotDropPacketsIsToldBefore(t *testing.T) {
	if os.Getenv("HOLDFAST_TEST_UNPRIVILEGED") != "" {
		for _, name := range []holdfast.FaultName{"blackhole", "one-way", "lossy"} {
			if why, next := fault.Possible(name); !strings.Contains(why, "only root") || next == "" {
				t.Errorf("%s: %q, next %q", name, why, next)
			}
		}
		if names, err := fault.Tables("/nowhere"); err != nil || len(names) > 0 {
			t.Errorf("who may not look has left nothing: %q, %v", names, err)
		}
		if swept, err := fault.Sweep(); err != nil || len(swept) > 0 {
			t.Errorf("swept %q, %v", swept, err)
		}
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root to become nobody")
	}
	needsPackets(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Nobody may not reach where tests are built.
	dir, err := os.MkdirTemp("", "nobody")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "test")
	text, err := os.ReadFile(self)
	if err == nil {
		err = os.WriteFile(program, text, 0o755)
	}
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run=^TestWhoMayNotDropPacketsIsToldBefore$")
	cmd.Dir, cmd.Env = "/", append(os.Environ(), "HOLDFAST_TEST_UNPRIVILEGED=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
