package diagnostic

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// known are the codes of a house that is not ours.
func known() []Meaning {
	return append([]Meaning{
		{Code: "HF1101", Severity: Error}, {Code: "HF1121", Severity: Warning}, {Code: "HF1202", Severity: Error}, {Code: "HF1211", Severity: Warning},
		{Code: "HF2101", Severity: Error}, {Code: "HF2102", Severity: Warning},
	}, AcceptanceCodes()...)
}

func date(t *testing.T, text string) time.Time {
	t.Helper()
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		t.Fatal(err)
	}
	return day
}

// said is a judgement in a few words.
func said(j Judgement) string {
	var out strings.Builder
	for _, p := range j.Problems {
		fmt.Fprintf(&out, "%s %s %s in line %d", p.Severity, p.Code, p.Of, p.Line)
		if p.Code.ofAcceptance() {
			fmt.Fprintf(&out, ": %s (%s) %s", p.Message, p.Label, p.Help)
		}
		out.WriteByte('\n')
	}
	for _, line := range j.Summary() {
		out.WriteString(line + "\n")
	}
	return out.String()
}

// single is a point of failure, and the lone replica that makes it one.
func single() []Problem {
	return []Problem{
		{Code: "HF2101", Severity: Error, Of: "cart", Place: Place{Line: 5}}, {Code: "HF1211", Severity: Warning, Of: "cart", Place: Place{Line: 5}},
		{Code: "HF2101", Severity: Error, Of: "db", Place: Place{Line: 9}}, {Code: "HF2102", Severity: Warning, Place: Place{Line: 1}},
	}
}

func TestWhatIsAcceptedDoesNotCount(t *testing.T) {
	for what, c := range accepting(func(line int, code Code, of, until string) Acceptance {
		return Acceptance{Code: code, Of: of, Owner: "shop-team", Reason: "until the launch", Until: date(t, until), File: "f", Place: Place{Line: line}}
	}) {
		review := Review{Problems: single(), Accepted: c.accepted}
		today := date(t, "2026-11-26").Add(23 * time.Hour)
		if diff := cmp.Diff(c.want, said(Accept(review, today, known()))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
}

// An acceptingCase is what somebody accepts of single, and what is left.
type acceptingCase struct {
	accepted []Acceptance
	want     string
}

func accepting(by func(line int, code Code, of, until string) Acceptance) map[string]acceptingCase {
	cart, db := "error HF2101 cart in line 5\n", "error HF2101 db in line 9\n"
	lone, whole := "warning HF1211 cart in line 5\n", "warning HF2102  in line 1\n"
	// Sorted by line, then by code.
	return map[string]acceptingCase{
		"nothing": {want: whole + lone + cart + db},
		"an error": {
			accepted: []Acceptance{by(20, "HF2101", "cart", "2027-01-31")},
			want:     whole + lone + db + "1 accepted, the first until 2027-01-31: HF2101 of cart\n",
		},
		"what is about the whole, without of": {
			accepted: []Acceptance{by(20, "HF2102", "", "2027-01-31"), by(21, "HF2101", "db", "2027-01-30")},
			want:     lone + cart + "2 accepted, the first until 2027-01-30: HF2101 of db\n",
		},
		"its last day": {
			accepted: []Acceptance{by(20, "HF2101", "cart", "2026-11-26")},
			want: whole + lone + db + "1 accepted, the first until 2026-11-26: HF2101 of cart\n" +
				"HF2101 of cart counts again in 1 day: shop-team accepted it (until the launch)\n",
		},
		"its last fortnight": {
			accepted: []Acceptance{by(20, "HF2101", "cart", "2026-12-10"), by(21, "HF2101", "db", "2026-12-11")},
			want: whole + lone + "2 accepted, the first until 2026-12-10: HF2101 of cart\n" +
				"HF2101 of cart counts again in 15 days: shop-team accepted it (until the launch)\n",
		},
		"the day after": {
			accepted: []Acceptance{by(20, "HF2101", "cart", "2026-11-25")},
			want: whole + lone + cart + db + "error HF1301  in line 20: HF2101 of cart was accepted until 2026-11-25 (ended 1 day ago) " +
				"mend it and remove this; or, if it may stay, let its owner sign a later day\n",
		},
		"renewed, and the old line left": {
			accepted: []Acceptance{by(20, "HF2101", "cart", "2026-11-01"), by(21, "HF2101", "cart", "2027-02-01"), by(22, "HF2101", "cart", "2027-01-01")},
			want: whole + lone + db + "error HF1301  in line 20: HF2101 of cart was accepted until 2026-11-01 (ended 25 days ago) " +
				"mend it and remove this; or, if it may stay, let its owner sign a later day\n1 accepted, the first until 2027-02-01: HF2101 of cart\n",
		},
		"what was mended": {
			accepted: []Acceptance{by(20, "HF1211", "db", "2027-01-31"), by(21, "HF1211", "catalog", "2026-01-31")},
			want: whole + lone + cart + db + "warning HF1302  in line 20: HF1211 of db is accepted and not there () if it was mended, remove this; HF1211 is reported of `cart`\n" +
				"warning HF1302  in line 21: HF1211 of catalog is accepted and not there () if it was mended, remove this; HF1211 is reported of `cart`\n",
		},
		"a slip of the finger": {
			accepted: []Acceptance{by(20, "HF1211", "crat", "2027-01-31"), by(21, "HF2102", "cart", "2027-01-31"), by(22, "HF2101", "", "2027-01-31")},
			want: whole + lone + cart + db + "warning HF1302  in line 20: HF1211 of crat is accepted and not there () did you mean `of: cart`?\n" +
				"warning HF1302  in line 21: HF2102 of cart is accepted and not there () remove `of`: HF2102 is reported of the whole\n" +
				"warning HF1302  in line 22: HF2101 is accepted and not there () if it was mended, remove this; HF2101 is reported of `cart`, `db`\n",
		},
		"what cannot be": {
			accepted: []Acceptance{
				by(20, "HF1101", "cart", "2027-01-31"), by(21, "HF1121", "cart.crash", "2027-01-31"), by(22, "HF1202", "cart", "2027-01-31"),
				by(23, "HF1301", "", "2027-01-31"), by(24, "HF2104", "cart", "2027-01-31"), by(25, "HF9999", "", "2027-01-31"),
				by(26, "HF2101", "cart", "2027-11-28"), by(27, "HF2101", "db", "2027-11-27"),
			},
			want: whole + lone + cart +
				"error HF1303  in line 20: HF1101 is about how the file is written, which cannot be accepted () mend it, and remove this\n" +
				"error HF1303  in line 21: HF1121 is about how the file is written, which cannot be accepted () mend it, and remove this\n" +
				"error HF1303  in line 22: HF1202 cannot be accepted: the file cannot be used until it is mended () mend it, and remove this\n" +
				"error HF1303  in line 23: HF1301 is about an acceptance, and cannot be accepted itself () mend it, and remove this\n" +
				"error HF1303  in line 24: no problem has the code `HF2104` () did you mean `HF2101`?\n" +
				"error HF1303  in line 25: no problem has the code `HF9999` () holdfast explain lists all codes\n" +
				"error HF1303  in line 26: HF2101 of cart is accepted for more than a year () write a day up to 2027-11-27, and look at it again then\n" +
				"1 accepted, the first until 2027-11-27: HF2101 of db\n",
		},
	}
}

// Of a file that is not understood nobody knows what else is wrong with it.
func TestWhatWasNotLookedForMayBeAccepted(t *testing.T) {
	review := Review{
		Problems: []Problem{{Code: "HF1202", Severity: Error, Place: Place{Line: 3}}},
		Accepted: []Acceptance{{Code: "HF2101", Of: "cart", Until: date(t, "2027-01-31"), Place: Place{Line: 9}}},
	}
	if got, want := said(Accept(review, date(t, "2026-11-26"), known())), "error HF1202  in line 3\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAcceptancesThatEndAreCounted(t *testing.T) {
	var review Review
	for i := range 5 {
		of := fmt.Sprintf("s%d", i)
		review.Problems = append(review.Problems, Problem{Code: "HF1211", Of: of}, Problem{Code: "HF1211", Of: of, Place: Place{Line: 2}})
		review.Accepted = append(review.Accepted, Acceptance{Code: "HF1211", Of: of, Owner: "us", Reason: "why", Until: date(t, "2026-12-01").AddDate(0, 0, -i)})
	}
	want := []string{
		"10 accepted, the first until 2026-11-27: HF1211 of s4",
		"HF1211 of s4 counts again in 2 days: us accepted it (why)",
		"HF1211 of s3 counts again in 3 days: us accepted it (why)",
		"HF1211 of s2 counts again in 4 days: us accepted it (why)",
		"and 2 more within 14 days",
	}
	if diff := cmp.Diff(want, Accept(review, date(t, "2026-11-26"), known()).Summary()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What keeps a file from being used cannot be accepted, in whatever kind of file;
// an error of design can.
func TestCodesOfReading(t *testing.T) {
	for code, want := range map[Code]bool{"HF1004": true, "HF1202": true, "HF2101": false, "HF3101": true, "HF3105": true, "HF3111": false, "HF3201": false} {
		if got := code.ofReading(); got != want {
			t.Errorf("%s is of reading: %v, want %v", code, got, want)
		}
	}
}
