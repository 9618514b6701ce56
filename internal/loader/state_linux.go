package loader

import (
	"io/fs"
	"strconv"
	"syscall"
	"time"
)

// state is what tells that a file has the same content as before; empty where nothing does.
func state(info fs.FileInfo, now time.Time) string {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || now.Sub(time.Unix(st.Mtim.Unix())) < minFileAge || now.Sub(time.Unix(st.Ctim.Unix())) < minFileAge {
		return ""
	}
	text := strconv.AppendUint(nil, st.Ino, 36)
	for _, n := range []int64{st.Size, st.Mtim.Nano(), st.Ctim.Nano()} {
		text = strconv.AppendInt(append(text, ' '), n, 36)
	}
	return string(text)
}
