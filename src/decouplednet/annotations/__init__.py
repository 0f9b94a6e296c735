"""What people made: tags, masks, class lists, splits; read without torch."""
