package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"time"

	"holdfast"
)

const (
	// tailBytes bounds how far back a log is read.
	tailBytes = 256 << 10
	// look is how often a followed log is asked for more.
	look = 100 * time.Millisecond
)

// logs streams the end of a replica's log, and with follow what comes.
func logs(w http.ResponseWriter, r *http.Request, agent Agent) {
	path, ok := agent.LogPath(holdfast.ReplicaName(r.PathValue("replica")))
	if !ok {
		refuse(w, http.StatusNotFound, unknown(r.PathValue("replica")))
		return
	}
	lines, err := number(r, "lines")
	if err != nil {
		refuse(w, http.StatusBadRequest, err)
		return
	}
	end, offset, err := tail(path, int(min(lines, 10_000)))
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	out := stream{w: w}
	if out.write(end) != nil || out.flush() != nil {
		return
	}
	if r.URL.Query().Get("follow") != "" {
		_ = follow(r.Context(), path, offset, out)
	}
}

// tail is the last lines of a file, and how far it was read. A file that is not
// there yet has no lines.
func tail(path string, lines int) (end []byte, offset int64, err error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, 0, err
	}
	from := max(0, size-tailBytes)
	end = make([]byte, size-from)
	n, err := file.ReadAt(end, from)
	if err != nil && err != io.EOF { // shorter than it was: it is being cut
		return nil, 0, err
	}
	end, offset = end[:n], from+int64(n)
	if _, rest, _ := bytes.Cut(end, []byte("\n")); from > 0 && len(rest) > 0 {
		end = rest // half a line is none, unless it is all there is
	}
	return lastLines(end, lines), offset, nil
}

// lastLines is the end of a text from its n-th last line on.
func lastLines(text []byte, n int) []byte {
	if n == 0 {
		return nil
	}
	at := len(bytes.TrimRight(text, "\n"))
	for range n {
		newline := bytes.LastIndexByte(text[:at], '\n')
		if newline < 0 {
			return text
		}
		at = newline
	}
	return text[at+1:]
}

// follow writes what is appended to a file until ctx ends. A file that became
// shorter was cut because it grew too long, and is read from its beginning; what
// was written to it since the look before is lost to who follows.
func follow(ctx context.Context, path string, offset int64, out stream) error {
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	buffer := make([]byte, 64<<10)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		for full := true; full && ctx.Err() == nil; {
			n, err := readFrom(path, &offset, buffer)
			if err != nil || n == 0 {
				break // not there yet, or nothing new
			}
			if err := out.write(buffer[:n]); err != nil {
				return err
			}
			full = n == len(buffer)
		}
		if err := out.flush(); err != nil {
			return err
		}
	}
}

func readFrom(path string, offset *int64, buffer []byte) (int, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	if info.Size() < *offset {
		*offset = 0
	}
	n, err := file.ReadAt(buffer, *offset)
	*offset += int64(n)
	if err == io.EOF {
		err = nil
	}
	return n, err
}
