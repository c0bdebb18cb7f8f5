#!/bin/bash
# Stands for ssh and three servers in rolling.test.ts: notes what it is told, and knows which process runs which version.
# FAKE is its folder; FAKE/bad says `NAME VERSION` of what never becomes well.
name=$1; shift 2
cat >/dev/null
echo "$name $*" >>"$FAKE/calls"
case "$*" in
  'samaconso-instance list') cat "$FAKE/$name" ;;
  'samaconso-instance has '*) grep -qx "$3" "$FAKE/images" ;;
  'samaconso-instance load '*) echo "$3" >>"$FAKE/images" ;;
  'samaconso-instance breaking '*) cat "$FAKE/breaking" 2>/dev/null || true ;;
  'samaconso-instance replace '*) sed -i "s/^$3 .*/$3 $4/" "$FAKE/$name" ;;
  'samaconso-instance check '*) ! grep -qx "$3 $4" "$FAKE/bad" 2>/dev/null ;;
  'samaconso-pool state '*) echo UP ;;
  *) ! grep -qx "$name $*" "$FAKE/refused" 2>/dev/null ;;
esac
