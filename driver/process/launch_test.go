package process

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast"
)

func TestTheEnvironmentIsWhatWasNamedAndNothingElse(t *testing.T) {
	k := newKeeper(t)
	d, err := New(Options{Keeper: k, State: t.TempDir(), Environ: []string{
		"PATH=/usr/bin:/bin", "HOME=/home/x", "LANG=C", "TZ=UTC", "AWS_SECRET_ACCESS_KEY=leak", "DISPLAY=:0", "DB_PASSWORD=hunter22", "NAME=shop",
	}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "token"), []byte("s3cret\n"), 0o600)
	s := playWith(t, k, d)
	r := running("store-front", 2, 1, "env")
	r.Service.WorkingDir = dir
	r.Service.Zones = []holdfast.ZoneName{"a", "b"}
	r.Service.PassThrough = []string{"DISPLAY", "NOT_SET_ANYWHERE"}
	r.Service.Environment = map[string]string{
		"GREETING": "hello from $REPLICA", "PASSWORD": "env:DB_PASSWORD", "TOKEN": "file:token",
		"DSN": "db://u:${PASSWORD}@h/${NAME}", "LITERAL": "$$HOME",
	}
	r.Edges = map[holdfast.ServiceName]netip.AddrPort{"price-list": netip.MustParseAddrPort("127.0.0.1:4001")}
	s.desire(r)
	s.exited(r.ID)
	host, port, _ := strings.Cut(s.started(r.ID).Address, ":")
	data := filepath.Join(d.state, "data", "store-front-2")
	want := []string{
		"DATA_DIR=" + data, "DISPLAY=:0", "DSN=db://u:hunter22@h/shop", "GREETING=hello from store-front-2",
		"HOLDFAST_PROCESS=" + k.keep + "/store-front-2#1", "HOME=/home/x", "HOST=" + host, "LANG=C", "LITERAL=$HOME",
		"PASSWORD=hunter22", "PATH=/usr/bin:/bin", "PORT=" + port, "PRICE_LIST_HOST=127.0.0.1", "PRICE_LIST_PORT=4001",
		"PRICE_LIST_URL=http://127.0.0.1:4001", "REPLICA=store-front-2", "TOKEN=s3cret", "TZ=UTC", "ZONE=b",
	}
	got, err := d.Tail("store-front-2", 100)
	slices.Sort(got)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("environment %v\ngot  %q\nwant %q", err, got, want)
	}
	if info, err := os.Stat(data); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("data directory: %v %v", info, err)
	}
}

func TestAValueWithBlanksStaysOneArgument(t *testing.T) {
	s := play(t, "SPACED=a b")
	r := running("catalog", 1, 1, `printf '<%s>\n' ${SPACED} "$SPACED" ${NONE:-} x$PORT '$REPLICA' '$$REPLICA' \$REPLICA`)
	s.desire(r)
	s.exited(r.ID)
	_, port, _ := strings.Cut(s.started(r.ID).Address, ":")
	want := []string{"<a b>", "<a b>", "<>", "<x" + port + ">", "<catalog-1>", "<$REPLICA>", "<$REPLICA>"}
	if got, err := s.driver.Tail("catalog-1", 100); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

// Secrets reach the process and nobody else: no observation, no error, no
// diagnosis, whatever fails and whatever the process prints.
func TestSecretsAreNeverShown(t *testing.T) {
	const secret, key, caller = "hunter22-db", "line-one-of-key\nline-two-of-key", "callers-own-value"
	keyFile := filepath.Join(t.TempDir(), "key")
	os.WriteFile(keyFile, []byte(key+"\n"), 0o600)
	for name, command := range map[string]string{
		"runs":         `sh -c 'echo "$$PASSWORD" "$$KEY" said; sleep 600' $PASSWORD ${TOKEN}`,
		"exits":        `sh -c 'echo "$$DSN"; exit 1' $DSN ${CALLER}`,
		"no such file": `./$PASSWORD $CALLER`,
		"not in PATH":  `$PASSWORD $CALLER`,
		"unset":        `sleep $PASSWORD $NOT_SET`,
	} {
		t.Run(name, func(t *testing.T) {
			s := play(t, "DB_PASSWORD="+secret, "TOKEN="+caller, "CALLER="+caller)
			r := running("catalog", 1, 1, command)
			r.Service.Environment = map[string]string{"PASSWORD": "env:DB_PASSWORD", "KEY": "file:" + keyFile, "DSN": "db://u:${PASSWORD}@h"}
			s.desire(r)
			s.until("something is known of it", func() bool { return len(s.said()) > 0 })
			if name == "runs" {
				s.prints(r, "said")
			}
			if name == "exits" {
				s.exited(r.ID)
			}
			diagnosis := s.driver.Diagnose(r.ID)
			encoded, _ := json.Marshal(diagnosis)
			shown := fmt.Sprintf("%v\n%s", s.said(), encoded)
			for _, hidden := range []string{secret, "line-one-of-key", "line-two-of-key", caller} {
				if strings.Contains(shown, hidden) {
					t.Errorf("%q is shown in\n%s", hidden, shown)
				}
			}
		})
	}
}

func TestASecretThatIsMissingIsNamed(t *testing.T) {
	for value, want := range map[string]string{
		"env:NO_SUCH_NAME":      "NO_SUCH_NAME is not set",
		"file:/no/such/file":    "/no/such/file",
		"file:$NOWHERE_AT_ALL/": "$NOWHERE_AT_ALL is not set",
	} {
		s := play(t)
		r := running("catalog", 1, 1, "sleep 600")
		r.Service.Environment = map[string]string{"PASSWORD": value}
		s.desire(r)
		o := heardOf(s, func(o holdfast.NotStarted) bool { return true })
		if !strings.Contains(o.Reason, want) || !strings.Contains(o.Reason, "PASSWORD") {
			t.Errorf("%s: reason %q, want %q in it", value, o.Reason, want)
		}
	}
}

// A value from elsewhere that looks like a reference must not make us read.
func TestOnlyTheFileCanReferToSecrets(t *testing.T) {
	n := names(map[string]string{"A": "${EVIL}"}, map[string]string{"EVIL": "file:/etc/hostname"})
	if v, err := expand("$A", n.find); err != nil || v.text != "file:/etc/hostname" {
		t.Errorf("$A = %q, %v", v.text, err)
	}
}

func TestADiagnosisSaysWhyItNeverGotReady(t *testing.T) {
	s := play(t)
	r := running("catalog", 1, 1, `sh -c 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22; do echo line $$i; done; sleep 600' $PORT`)
	s.desire(r)
	s.prints(r, "line 22")
	started := s.started(r.ID)
	d := s.driver.Diagnose(r.ID)
	if d.Listening || d.Address != started.Address || d.State != fmt.Sprintf("running, pid %d", started.Pid) || d.Command != r.Service.Command || d.Dir != "/" {
		t.Errorf("diagnosis %+v", d)
	}
	if len(d.Log) != 20 || d.Log[0] != "line 3" || d.Log[19] != "line 22" {
		t.Errorf("log %q, want the last 20 lines", d.Log)
	}
	if _, port, _ := strings.Cut(started.Address, ":"); len(d.Run) != 4 || d.Run[3] != port {
		t.Errorf("run %q, want the port %s last", d.Run, port)
	}
	if d := s.driver.Diagnose(running("cart", 1, 1, "").ID); d.State != "not desired" {
		t.Errorf("of one nobody knows: %q", d.State)
	}
}
