package event

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// Stored entries are for ever: one golden line per kind. A field may be added,
// never renamed; this test fails when a stored line can no longer be read.
func TestStoredEntriesAreForEver(t *testing.T) {
	for i, body := range kinds() {
		entry := Entry{
			ID:    ID{Writer: "agent", Seq: uint64(i + 1)},
			At:    At{Wall: time.Date(2026, 11, 21, 3, 4, 5, 0, time.UTC), Boot: 90 * time.Second, BootID: "b"},
			Cause: ID{Writer: "agent", Seq: 1},
			Body:  filled(body),
		}
		got, err := json.Marshal(entry)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", "stored", body.Kind()+".json")
		if os.Getenv("REWRITE") != "" {
			if err := os.WriteFile(path, append(got, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		stored, err := os.ReadFile(path)
		if err != nil {
			t.Fatalf("%v: run with REWRITE=1 and read the diff", err)
		}
		var back Entry
		if err := json.Unmarshal(stored, &back); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if !reflect.DeepEqual(back, entry) {
			t.Errorf("%s: read %+v, want %+v", path, back, entry)
		}
		if Text(back.Body) == "" {
			t.Errorf("%s has no text", body.Kind())
		}
	}
}

func TestAnUnknownKindIsAnError(t *testing.T) {
	var e Entry
	if err := json.Unmarshal([]byte(`{"id":{"w":"a","s":1},"at":{},"kind":"wished","body":{}}`), &e); err == nil {
		t.Fatal("an entry of an unknown kind was read as if it said nothing")
	}
}

// filled sets every field of a body to something other than zero, so that a
// field lost on the way is seen.
func filled(body Body) Body {
	v := reflect.New(reflect.TypeOf(body)).Elem()
	fill(v)
	return v.Interface().(Body)
}

func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 11, 21, 3, 4, 5, 0, time.UTC)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint64, reflect.Uint16:
		v.SetUint(7)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("k"), reflect.ValueOf("x"))
	default:
		panic("fill: no value for " + v.Kind().String())
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 4100 * time.Microsecond: "4.1ms", 640 * time.Millisecond: "640ms",
		12400 * time.Millisecond: "12.4s", 200 * time.Second: "3m20s", 10 * time.Minute: "10m", 300 * time.Microsecond: "300µs",
	} {
		if got := Short(d); got != want {
			t.Errorf("Short(%v) = %s, want %s", d, got, want)
		}
	}
}
