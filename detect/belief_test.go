package detect

import (
	"testing"
	"time"

	"holdfast"
)

func crash() []holdfast.Evidence {
	return []holdfast.Evidence{{Sign: holdfast.SignExit, Witnesses: 1}, {Sign: holdfast.SignRefused, Witnesses: 2}}
}

func TestConviction(t *testing.T) {
	const exit, refused, missed = holdfast.SignExit, holdfast.SignRefused, holdfast.SignMissed
	for name, c := range map[string]struct {
		seen []holdfast.Sign
		want Conviction
		sign holdfast.Sign
	}{
		"nothing seen":                                      {nil, Nothing, ""},
		"an exit needs one witness":                         {[]holdfast.Sign{exit}, Belief, exit},
		"a refusal alone is a suspicion":                    {[]holdfast.Sign{refused}, Suspicion, refused},
		"a refusal seen twice is believed":                  {[]holdfast.Sign{refused, refused}, Belief, refused},
		"the exit behind a refusal is believed":             {[]holdfast.Sign{refused, exit}, Belief, exit},
		"a refusal after an exit adds nothing":              {[]holdfast.Sign{exit, refused}, Belief, exit},
		"a missed check does not speak for a crash":         {[]holdfast.Sign{missed, missed, missed}, Nothing, ""},
		"a missed check does not stand in for the refusals": {[]holdfast.Sign{refused, missed}, Suspicion, refused},
	} {
		var got Case
		for i, sign := range c.seen {
			got = got.Add(crash(), sign, "", time.Duration(i+1)*time.Second)
		}
		if got.Conviction != c.want || got.Sign != c.sign {
			t.Errorf("%s: conviction %d by %q, want %d by %q", name, got.Conviction, got.Sign, c.want, c.sign)
		}
		if got.Conviction != Nothing && got.Since != time.Second {
			t.Errorf("%s: since %v, want the first evidence", name, got.Since)
		}
	}
}
