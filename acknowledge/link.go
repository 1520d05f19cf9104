// Package acknowledge serves the page by which somebody who was woken says that
// they have it, from wherever they are: a link that is signed, and a button.
package acknowledge

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"holdfast"
	"holdfast/internal/files"
)

// LinkFor is how long a link is good for: a night and the morning after it. Who
// finds it later finds an incident that was paged anew many times since.
const LinkFor = 24 * time.Hour

// A Key signs links. Whoever has it can acknowledge anything; it never leaves its
// file and this process.
type Key [32]byte

// KeyAt is a key that is kept in a file, read or made when it is first needed. It may
// be asked for by several at once: all get the same.
func KeyAt(path string) func() (Key, error) {
	var mu sync.Mutex
	var kept *Key
	return func() (Key, error) {
		mu.Lock()
		defer mu.Unlock()
		if kept != nil {
			return *kept, nil
		}
		key, err := keptKey(path)
		if err == nil {
			kept = &key
		}
		return key, err
	}
}

// keptKey is the key in a file that only its owner may read, made anew where there
// is none, or none that is whole: then the links that were sent are good for nothing,
// and the next page brings another.
func keptKey(path string) (Key, error) {
	var key Key
	kept, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return key, fmt.Errorf("the key that signs links: %w", err)
	}
	if len(kept) == len(key) {
		return Key(kept), os.Chmod(path, 0o600)
	}
	if _, err := rand.Read(key[:]); err != nil {
		return key, fmt.Errorf("the key that signs links: %w", err)
	}
	if err := files.ReplaceDurably(path, key[:]); err != nil {
		return key, fmt.Errorf("the key that signs links: %w", err)
	}
	return key, nil
}

// A Claim is what a link says: who acknowledges what with it, and until when.
type Claim struct {
	Incident holdfast.IncidentID
	By       string
	Until    time.Time // whole seconds
}

// Link is the address of the page below a base.
func (k Key) Link(base string, c Claim) string {
	query := url.Values{"incident": {string(c.Incident)}, "by": {c.By}, "until": {strconv.FormatInt(c.Until.Unix(), 10)}, "sign": {k.sign(c)}}
	return strings.TrimSuffix(base, "/") + Path + "?" + query.Encode()
}

// Path is where the page is, below whatever a proxy in front of it says.
const Path = "/ack"

// Read is the claim of a link; false where it is not one that this key signed.
func (k Key) Read(query url.Values) (Claim, bool) {
	seconds, err := strconv.ParseInt(query.Get("until"), 10, 64)
	c := Claim{Incident: holdfast.IncidentID(query.Get("incident")), By: query.Get("by"), Until: time.Unix(seconds, 0)}
	return c, err == nil && hmac.Equal([]byte(query.Get("sign")), []byte(k.sign(c)))
}

// sign is the signature of a claim. Each part is written with its length: no two
// claims are signed as one.
func (k Key) sign(c Claim) string {
	mac := hmac.New(sha256.New, k[:])
	fmt.Fprintf(mac, "holdfast acknowledge 1\n%d:%s%d:%s%d", len(c.Incident), c.Incident, len(c.By), c.By, c.Until.Unix())
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}
