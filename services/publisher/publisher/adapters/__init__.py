"""What publishing talks to on the outside: a WordPress site or a folder of pages, behind one port."""
